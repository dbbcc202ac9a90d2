// evaluate.c: `mote evaluate`: how good a model is.
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "runtime/error.h"
#include "tools/command.h"
#include "tools/default_model.h"
#include "tools/data/dataset_options.h"
#include "tools/measure/evaluate.h"
#include "tools/data/info_data.h"
#include "tools/interrupt.h"
#include "tools/json.h"
#include "tools/open.h"
#include "tools/sample/sample_options.h"

enum {
  OPTION_HOLDOUT = 1,
  OPTION_SEED,
  OPTION_COUNT,
  OPTION_SAMPLER,
  OPTION_STEPS,
  OPTION_GUIDANCE,
  OPTION_CLASSIFIER,
};

static const struct poptOption table[] = {
    {"holdout", 0, POPT_ARG_STRING, NULL, OPTION_HOLDOUT, "part of DATA that mote train held out (default 0.1)", "P"},
    {"seed", 0, POPT_ARG_STRING, NULL, OPTION_SEED, "that mote train held it out with (default 0); also of the noise",
     "S"},
    {"count", 'n', POPT_ARG_STRING, NULL, OPTION_COUNT, "samples, classes dealt out in turn (default 500)", "N"},
    {"sampler", 0, POPT_ARG_STRING, NULL, OPTION_SAMPLER, "ddim, ddpm, dpm++, dpm++-sde, euler or heun (default ddim)", "NAME"},
    {"steps", 0, POPT_ARG_STRING, NULL, OPTION_STEPS, "as for mote sample", "N"},
    {"guidance", 0, POPT_ARG_STRING, NULL, OPTION_GUIDANCE, "as for mote sample", "W"},
    {"classifier", 0, POPT_ARG_STRING, NULL, OPTION_CLASSIFIER,
     "judge the samples with FILE of mote train --classifier, or none (default: the embedded one where it fits)", "FILE"},
    DATASET_OPTION_TABLE
    POPT_TABLEEND,
};

static const options_desc desc = {
    .name = "evaluate",
    .usage = "[MODEL] [DATA] [OPTION...]",
    .table = table,
    .notes = "DATA is what the model was trained on: a folder, a sprite sheet, a .npy or .npz file, or angband (the default).\n"
             "Only with the --holdout and --seed of that training is the held-out part one that the model never saw.\n\n"
             "Example:\n  mote evaluate sprites.safetensors sprites/ --sampler dpm++ --steps 20\n",
};

typedef struct evaluate_options {
  options base;
  const char *model, *classifier;
  dataset_desc data;
  double holdout;
  uint64_t seed;
  int samples;
  mote_sampler_desc sampler;
} evaluate_options;

static mote_status take_option(options *base, int value, const char *text, mote_error *error) {
  evaluate_options *o = (evaluate_options *)base;
  int kind = 0;
  switch (value) {
    case OPTION_HOLDOUT: return option_double("--holdout", text, 1e-6, 0.9, &o->holdout, error);
    case OPTION_SEED: return option_uint64("--seed", text, UINT64_MAX, &o->seed, error);
    case OPTION_COUNT: return option_int("-n", text, 1, 100000, &o->samples, error);
    case OPTION_STEPS: return option_int("--steps", text, 1, 1000000, &o->sampler.steps, error);
    case OPTION_GUIDANCE: return option_double("--guidance", text, 0.01, 100, &o->sampler.guidance, error);
    case OPTION_CLASSIFIER: o->classifier = text; return MOTE_OK;
    case OPTION_SAMPLER:
      TRY(option_choice("--sampler", text, sampler_names, &kind, error));
      o->sampler.kind = (mote_sampler_kind)kind;
      return MOTE_OK;
    default: return dataset_take_option(&o->data, value, text, error);
  }
}

static mote_status check_options(options *base, mote_error *error) {
  evaluate_options *o = (evaluate_options *)base;
  const char *word = options_word(&o->base);
  if (word && !info_is_data(word)) {
    o->model = word;
    word = options_word(&o->base);
  }
  if (word && !info_is_data(word))
    return fail(error, MOTE_ERROR_USAGE, "found \"%s\" where DATA goes, expected " DATASET_EXPECTED ", or angband", word);
  o->data.path = word;
  TRY(options_no_more_words(&o->base, error));
  return check_model_given(o->model, error);
}

// Images, and the classes in the order of the model's labels.
static mote_status check_fit(const dataset *set, const mote_model_info *model, const char *path, mote_error *error) {
  const image_size wanted = image_size_of(model);
  if (set->size.width != wanted.width || set->size.height != wanted.height)
    return fail(error, MOTE_ERROR_FORMAT, "%s: has images of %d x %d pixels, expected the model's %d x %d; --size %dx%d "
                "makes them fit", path, set->size.width, set->size.height, wanted.width, wanted.height, wanted.width, wanted.height);
  if (dataset_has_labels(set, model)) return MOTE_OK;
  if (set->attribute_count || model->attribute_count)
    return fail(error, MOTE_ERROR_FORMAT, "%s: has %d attributes, expected the model's %d, with their labels and bounds; mote info "
                "shows both", path, set->attribute_count, model->attribute_count);
  return fail(error, MOTE_ERROR_FORMAT, "%s: has %d classes%s%s, expected those of the model: %d%s%s", path,
              set->class_count, set->class_count ? " from " : "", set->class_count ? set->classes[0] : "",
              model->n_cfeat, model->label_count ? " from " : "", model->label_count ? model->labels[0] : "");
}

static mote_status load_data(const evaluate_options *o, const mote_model_info *model, dataset *train,
                             dataset *held_out, mote_error *error) {
  dataset all;
  dataset_desc data = o->data;
  const char *path = data.path ? data.path : DATASET_DEFAULT_NAME;
  data.channels = model->channels;
  TRY(dataset_init(&all, &data, error));
  dataset_say_choices(&all);
  if (model->premultiplied) dataset_premultiply(&all);
  mote_status status = check_fit(&all, model, path, error);
  if (!status) status = dataset_split(&all, o->holdout, o->seed, train, held_out, error);
  dataset_finish(&all);
  if (status || held_out->count) return status;
  return fail(error, MOTE_ERROR_USAGE, "--holdout: found %g, which holds no image out of %u, expected more", o->holdout,
              (unsigned)train->count);
}

// Every image is of one class.
static bool is_classed(const dataset *set) {
  bool all = set->class_count && !set->contexts;
  for (uint32_t i = 0; i < set->count && all; i++) all = set->labels[i] >= 0;
  return all;
}

// The classifier that was asked for, or the embedded one, which may fit or not.
static mote_status open_judge(const evaluate_options *o, mote_device *device, const dataset *train, const dataset *held_out,
                              mote_model **out, mote_error *error) {
  const char *path = o->classifier;
  *out = NULL;
  if (path && !strcmp(path, "none")) return MOTE_OK;
  if (!path && !default_classifier_given()) return MOTE_OK;
  TRY(open_classifier(device, path, out, error));
  const mote_model_info *info = mote_model_get_info(*out);
  const image_size of_classifier = image_size_of(info);
  if (info->classifies && !memcmp(&of_classifier, &train->size, sizeof of_classifier) && is_classed(train) && is_classed(held_out) &&
      dataset_has_labels(train, info))
    return MOTE_OK;
  char text[200];
  snprintf(text, sizeof text, "it is a %s for images of %d x %d x %d in %d classes, the data's are %d x %d x %d in %d",
           info->architecture, of_classifier.width, of_classifier.height, info->channels, info->n_cfeat, train->size.width,
           train->size.height, train->size.channels, train->class_count);
  mote_model_destroy(out);
  if (path) return fail(error, MOTE_ERROR_FORMAT, "--classifier %s: %s, or other ones", path, text);
  say("the embedded classifier does not fit the data; mote train --classifier makes one that does");
  return MOTE_OK;
}

// ---------------------------------------------------------------------------------------------------------------------
// Output

static void print_losses(const char *name, estimate held_out, estimate train) {
  print("  %-20s %9.4f +- %-9.4f %9.4f +- %.4f\n", name, held_out.mean, held_out.half_width, train.mean,
         train.half_width);
}

static void print_accuracies(const char *name, estimate samples, estimate held_out) {
  print("  %-20s %9.1f +- %-4.1f %%    %9.1f +- %.1f %%\n", name, 100 * samples.mean, 100 * samples.half_width,
         100 * held_out.mean, 100 * held_out.half_width);
}

static void print_judgement(const mote_model_info *model, const judgement *j) {
  print("found to be of their class by the classifier\n");
  print("                          samples               held-out images\n");
  for (int i = 0; i < j->classes && i < model->label_count; i++)
    print_accuracies(model->labels[i], j->class_accuracy[i], j->held_out_class_accuracy[i]);
  print_accuracies("all", j->accuracy, j->held_out_accuracy);
  print("Frechet distance of its features to the training images: samples %.3f +- %.3f, held-out images %.3f +- %.3f\n",
         j->frechet.mean, j->frechet.half_width, j->held_out_frechet.mean, j->held_out_frechet.half_width);
}

static void print_text(const evaluate_options *o, const mote_model_info *model, const evaluation *e) {
  char name[64];
  print("loss                     held out               trained on\n");
  for (int i = 0; i < EVALUATE_LEVELS; i++) {
    snprintf(name, sizeof name, "timestep %d of %d", level_timestep(model->timesteps, i), model->timesteps);
    print_losses(name, e->held_out.level[i], e->train.level[i]);
  }
  print_losses("all", e->held_out.all, e->train.all);
  print("distance to the nearest training image, root mean square, of 255\n");
  print("  %-20s %9.1f is the median of %u\n", "held-out images", e->held_out_distance, (unsigned)e->held_out.images);
  snprintf(name, sizeof name, "%d %s step%s", e->steps, sampler_names[o->sampler.kind], e->steps == 1 ? "" : "s");
  print("  %-20s %9.1f is the median of %d\n", name, e->sample_distance, e->samples);
  print("samples nearer than 19 of 20 held-out images: %.1f +- %.1f %%\n", 100 * e->copies.mean,
         100 * e->copies.half_width);
  if (e->judged) print_judgement(model, &e->judgement);
}

static void add_estimate(cJSON *json, const char *name, estimate estimate) {
  cJSON *object = cJSON_AddObjectToObject(json, name);
  cJSON_AddNumberToObject(object, "mean", estimate.mean);
  cJSON_AddNumberToObject(object, "half_width", estimate.half_width);
}

static void add_judgement(cJSON *json, const mote_model_info *model, const judgement *j) {
  cJSON *classes = cJSON_AddArrayToObject(json, "classes");
  for (int i = 0; i < j->classes && i < model->label_count; i++) {
    cJSON *class = cJSON_CreateObject();
    cJSON_AddStringToObject(class, "label", model->labels[i]);
    add_estimate(class, "accuracy", j->class_accuracy[i]);
    add_estimate(class, "held_out_accuracy", j->held_out_class_accuracy[i]);
    cJSON_AddItemToArray(classes, class);
  }
  add_estimate(json, "accuracy", j->accuracy);
  add_estimate(json, "held_out_accuracy", j->held_out_accuracy);
  add_estimate(json, "frechet", j->frechet);
  add_estimate(json, "held_out_frechet", j->held_out_frechet);
}

static void print_json(const evaluate_options *o, const mote_model_info *model, const char *device,
                       const evaluation *e) {
  cJSON *json = cJSON_CreateObject();
  cJSON_AddStringToObject(json, "event", "result");
  cJSON *levels = cJSON_AddArrayToObject(json, "levels");
  for (int i = 0; i < EVALUATE_LEVELS; i++) {
    cJSON *level = cJSON_CreateObject();
    cJSON_AddNumberToObject(level, "timestep", level_timestep(model->timesteps, i));
    add_estimate(level, "held_out", e->held_out.level[i]);
    add_estimate(level, "train", e->train.level[i]);
    cJSON_AddItemToArray(levels, level);
  }
  add_estimate(json, "held_out", e->held_out.all);
  add_estimate(json, "train", e->train.all);
  cJSON_AddNumberToObject(json, "held_out_images", e->held_out.images);
  cJSON_AddNumberToObject(json, "train_images", e->train.images);
  cJSON_AddStringToObject(json, "sampler", sampler_names[o->sampler.kind]);
  cJSON_AddNumberToObject(json, "steps", e->steps);
  cJSON_AddNumberToObject(json, "guidance", o->sampler.guidance);
  cJSON_AddNumberToObject(json, "samples", e->samples);
  cJSON_AddNumberToObject(json, "held_out_distance", e->held_out_distance);
  cJSON_AddNumberToObject(json, "sample_distance", e->sample_distance);
  add_estimate(json, "copies", e->copies);
  if (e->judged) add_judgement(json, model, &e->judgement);
  json_add_uint64(json, "seed", o->seed);
  cJSON_AddNumberToObject(json, "seconds", e->seconds);
  cJSON_AddStringToObject(json, "device", device);
  json_print_line(json);
}

static mote_status evaluate_model(const evaluate_options *o, mote_device *device, mote_model *model, int *exit_code,
                                  mote_error *error) {
  const mote_model_info *info = mote_model_get_info(model);
  dataset train = {0}, held_out = {0};
  mote_model *classifier = NULL;
  evaluation result;
  mote_status status = load_data(o, info, &train, &held_out, error);
  if (!status) status = open_judge(o, device, &train, &held_out, &classifier, error);
  if (!status)
    status = evaluate(&(evaluate_desc){.model = model,
                                       .name = o->model ? o->model : DEFAULT_MODEL_NAME,
                                       .classifier = classifier,
                                       .train = &train,
                                       .held_out = &held_out,
                                       .sampler = o->sampler,
                                       .samples = o->samples,
                                       .seed = o->seed,
                                       .json = o->base.common.json},
                      &result, error);
  if (!status && result.interrupted) {
    say("interrupted; there is no result");
    *exit_code = COMMAND_FAILED;
  } else if (!status && o->base.common.json) {
    print_json(o, info, mote_device_get_info(device)->name, &result);
  } else if (!status) {
    print_text(o, info, &result);
  }
  mote_model_destroy(&classifier);
  dataset_finish(&train);
  dataset_finish(&held_out);
  return status;
}

static mote_status run(options *base, int *exit_code, mote_error *error) {
  evaluate_options *o = (evaluate_options *)base;
  mote_device *device = NULL;
  mote_model *model = NULL;
  mote_status status = MOTE_OK;
  interrupt_watch();
  TRY_GOTO(end, open_device(&o->base.common, &device, error));
  say_device(mote_device_get_info(device));
  TRY_GOTO(end, open_model(device, o->model, &model, error));
  TRY_GOTO(end, check_makes_images(model, o->model, error));
  if (o->sampler.guidance == 0) o->sampler.guidance = mote_model_get_info(model)->recommended_guidance;
  status = evaluate_model(o, device, model, exit_code, error);
end:
  mote_model_destroy(&model);
  mote_device_destroy(&device);
  return status;
}

int command_evaluate(int argc, const char **argv) {
  evaluate_options o = {.holdout = 0.1, .samples = 500};
  return options_run(&o.base, &(options_work){&desc, take_option, check_options, run}, argc, argv);
}
