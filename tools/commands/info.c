// info.c: `mote info`: what a model is: shapes, labels, memory and cost on the chosen device; or what a data
// set holds.
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "graph/nets/metadata.h"
#include "graph/nets/settings.h"
#include "runtime/error.h"
#include "tools/command.h"
#include "tools/data/dataset_options.h"
#include "tools/data/info_data.h"
#include "tools/json.h"
#include "tools/open.h"
#include "tools/options.h"

enum {
  OPTION_OUTPUT = 1,
  OPTION_CHANNELS,
};

static const struct poptOption table[] = {
    {"output", 'o', POPT_ARG_STRING, NULL, OPTION_OUTPUT, "write a contact sheet of DATA", "sheet.png"},
    {"channels", 0, POPT_ARG_STRING, NULL, OPTION_CHANNELS, "of DATA, as for mote train", "C"},
    DATASET_OPTION_TABLE
    POPT_TABLEEND,
};

static const options_desc desc = {
    .name = "info",
    .usage = "[MODEL | DATA] [OPTION...]",
    .table = table,
    .notes = "DATA is a folder, a sprite sheet, a .npy or .npz file, or angband for the default sheet.\n\n"
             "Examples:\n  mote info sprites.safetensors\n  mote info angband -o sheet.png\n",
};

static const int batches[] = {1, 64};
#define BATCH_COUNT (sizeof batches / sizeof batches[0])
enum { TRAINING_BATCH = 100 };

typedef struct info_report {
  const char *path;
  const mote_model_info *model;
  const mote_device_info *device;
  uint64_t model_bytes;                     // device memory that the weights took
  bool samples;                             // it makes images; else it is a classifier, or only forward and backward know it
  int steps;                                // of a run with the default sampler
  mote_sampler_info samplers[BATCH_COUNT];  // for these batches
  mote_trainer_info trainer;                // for TRAINING_BATCH, without its images
} info_report;

static mote_status measure_samplers(mote_model *model, info_report *r, mote_error *error) {
  for (size_t i = 0; i < BATCH_COUNT; i++) {
    mote_sampler *sampler = NULL;
    mote_sampler_desc sampler_desc = {.model = model, .batch = batches[i], .guidance = 1};
    TRY(mote_sampler_create(&sampler_desc, &sampler, error));
    r->samplers[i] = mote_sampler_get_info(sampler);
    r->steps = mote_sampler_step_count(sampler);
    mote_sampler_destroy(&sampler);
  }
  return MOTE_OK;
}

// What training such a model would take, found by making a trainer on one black image.
static mote_status measure_trainer(mote_device *device, info_report *r, mote_error *error) {
  mote_trainer *trainer = NULL;
  uint8_t *pixels = calloc((size_t)r->model->height * (size_t)r->model->width, (size_t)r->model->channels);
  if (!pixels) return fail(error, MOTE_ERROR_MEMORY, "no memory for an image");
  const mote_trainer_desc desc = {
      .device = device, .model = *r->model, .data = {1, pixels, NULL}, .batch = TRAINING_BATCH, .total_steps = 1};
  mote_status status = mote_trainer_create(&desc, &trainer, error);
  if (!status) r->trainer = mote_trainer_get_info(trainer);
  mote_trainer_destroy(&trainer);
  free(pixels);
  return status;
}

// Weights, both of Adam's moments and the average, and the activations that live at one time.
static uint64_t training_bound(const info_report *r) {
  return r->trainer.parameter_bytes / 5 * 4 + r->trainer.activation_bound;
}

static void print_diffusion(const info_report *r) {
  const mote_model_info *m = r->model;
  print("diffusion       %d timesteps, %s schedule", m->timesteps, metadata_schedules[m->schedule]);
  if (m->schedule != MOTE_SCHEDULE_COSINE) print(", beta %g to %g", m->beta_start, m->beta_end);
  print(", predicts %s\n", metadata_predictions[m->prediction]);
  if (m->steps) print("distilled to    %d step%s", m->steps, m->steps == 1 ? "" : "s");
  if (m->steps) print(m->guidance > 0 && m->guidance != 1 ? ", guidance %g built in\n" : "\n", m->guidance);
  if (m->context_drop > 0 && !m->steps)
    print("guidance        %g by default, learned without contexts %g %% of the time\n", m->recommended_guidance,
           100 * m->context_drop);
}

static void print_attributes(const mote_model_info *m) {
  for (int i = 0, first = 0; i < m->attribute_count; first += m->attributes[i++].count) {
    const mote_attribute *a = &m->attributes[i];
    print("  %-14s", a->name);
    if (a->is_number) print("%g to %g", a->low, a->high);
    for (int k = first; k < first + a->count && !a->is_number; k++) print("%s%s", k > first ? ", " : "", m->labels[k]);
    print("\n");
  }
}

static void print_text(const info_report *r) {
  const mote_model_info *m = r->model;
  const double mebibyte = 1024.0 * 1024.0;
  print("%s\n", r->path);
  print("architecture    %s\n", m->architecture);
  print("images          %d x %d, %d channel%s\n", m->width, m->height, m->channels, m->channels == 1 ? "" : "s");
  if (!m->classifies && m->out_channels != m->channels) print("makes           %d channels (out_channels)\n", m->out_channels);
  for (const network_setting *setting = network_of(m)->settings; setting->name; setting++)
    if (!setting->of_data)
      print("%-15s %s (%s)\n", setting->title ? setting->title : "", setting_describe(m, setting).text, setting->name);
  print("context         %d number%s (n_cfeat)\n", m->n_cfeat, m->n_cfeat == 1 ? "" : "s");
  print("labels         ");
  for (int i = 0; i < m->label_count; i++) print("%s %s", i ? "," : "", m->labels[i]);
  print("%s\n", m->label_count ? "" : " none");
  print_attributes(m);
  if (!m->classifies) print_diffusion(r);
  if (m->channels % 2 == 0) print("alpha           %s\n", metadata_alphas[m->premultiplied]);
  if (m->trained_on[0]) print("trained on      %s\n", m->trained_on);
  print("parameters      %" PRIu64 "\n", m->parameter_count);
  print("an image        %.2f M multiply-adds", (double)m->multiply_adds / 1e6);
  if (r->samples)
    print(" a step, %.2f G for the default %d steps", (double)m->multiply_adds * r->steps / 1e9, r->steps);
  print("\n");
  print("on              %s\n", r->device->name);
  print("  weights       %.1f MiB\n", (double)r->model_bytes / mebibyte);
  for (size_t i = 0; i < BATCH_COUNT && r->samples; i++)
    print("  batch of %-4d %.1f MiB, %" PRIu32 " dispatches and %" PRIu32 " barriers a step\n", batches[i],
           (double)r->samplers[i].memory_bytes / mebibyte, r->samplers[i].dispatches, r->samplers[i].barriers);
  if (r->trainer.dispatches)
    print("  training      %.1f MiB for a batch of %d (at least %.1f MiB needed), %" PRIu32 " dispatches a step\n",
           (double)r->trainer.memory_bytes / mebibyte, TRAINING_BATCH, (double)training_bound(r) / mebibyte,
           r->trainer.dispatches);
}

static void add_diffusion(cJSON *json, const mote_model_info *m) {
  cJSON_AddNumberToObject(json, "timesteps", m->timesteps);
  cJSON_AddStringToObject(json, "schedule", metadata_schedules[m->schedule]);
  cJSON_AddNumberToObject(json, "beta_start", m->beta_start);
  cJSON_AddNumberToObject(json, "beta_end", m->beta_end);
  cJSON_AddStringToObject(json, "prediction", metadata_predictions[m->prediction]);
  cJSON_AddNumberToObject(json, "context_drop", m->context_drop);
  if (m->steps) cJSON_AddNumberToObject(json, "steps", m->steps);
  if (m->steps) cJSON_AddNumberToObject(json, "guidance", m->guidance > 0 ? m->guidance : 1);
}

static void add_attributes(cJSON *json, const mote_model_info *m) {
  cJSON *attributes = cJSON_AddArrayToObject(json, "attributes");
  for (int i = 0, first = 0; i < m->attribute_count; first += m->attributes[i++].count) {
    const mote_attribute *a = &m->attributes[i];
    cJSON *attribute = cJSON_CreateObject();
    cJSON_AddStringToObject(attribute, "name", a->name);
    if (a->is_number) cJSON_AddNumberToObject(attribute, "low", a->low);
    if (a->is_number) cJSON_AddNumberToObject(attribute, "high", a->high);
    cJSON *labels = a->is_number ? NULL : cJSON_AddArrayToObject(attribute, "labels");
    for (int k = first; k < first + a->count && labels; k++) cJSON_AddItemToArray(labels, cJSON_CreateString(m->labels[k]));
    cJSON_AddItemToArray(attributes, attribute);
  }
}

static void add_model(cJSON *json, const info_report *r) {
  const mote_model_info *m = r->model;
  cJSON_AddStringToObject(json, "model", r->path);
  cJSON_AddStringToObject(json, "architecture", m->architecture);
  for (const network_setting *setting = network_of(m)->settings; setting->name; setting++) {
    const setting_value value = setting_get(m, setting);
    if (!setting->most && (setting->type == VALUE_INT || setting->type == VALUE_DOUBLE))
      cJSON_AddNumberToObject(json, setting->name, value.numbers[0]);
    else
      cJSON_AddStringToObject(json, setting->name, setting_format(setting, &value).text);
  }
  if (!m->classifies) add_diffusion(json, m);
  if (m->channels % 2 == 0) cJSON_AddStringToObject(json, "alpha", metadata_alphas[m->premultiplied]);
  cJSON *labels = cJSON_AddArrayToObject(json, "labels");
  for (int i = 0; i < m->label_count; i++) cJSON_AddItemToArray(labels, cJSON_CreateString(m->labels[i]));
  add_attributes(json, m);
  cJSON_AddStringToObject(json, "trained_on", m->trained_on);
  json_add_uint64(json, "parameters", m->parameter_count);
  json_add_uint64(json, "multiply_adds", m->multiply_adds);
}

static void print_json(const info_report *r) {
  cJSON *json = cJSON_CreateObject();
  cJSON_AddStringToObject(json, "event", "model");
  add_model(json, r);
  json_add_device(json, "device", r->device);
  json_add_uint64(json, "weights_bytes", r->model_bytes);
  if (r->samples) cJSON_AddNumberToObject(json, "default_steps", r->steps);
  cJSON *samplers = r->samples ? cJSON_AddArrayToObject(json, "samplers") : NULL;
  for (size_t i = 0; i < BATCH_COUNT && samplers; i++) {
    cJSON *sampler = cJSON_CreateObject();
    cJSON_AddNumberToObject(sampler, "batch", batches[i]);
    json_add_uint64(sampler, "memory_bytes", r->samplers[i].memory_bytes);
    json_add_uint64(sampler, "activation_bytes", r->samplers[i].activation_bytes);
    json_add_uint64(sampler, "activation_bound", r->samplers[i].activation_bound);
    cJSON_AddNumberToObject(sampler, "dispatches", r->samplers[i].dispatches);
    cJSON_AddNumberToObject(sampler, "barriers", r->samplers[i].barriers);
    cJSON_AddItemToArray(samplers, sampler);
  }
  if (!r->trainer.dispatches) {
    json_print_line(json);
    return;
  }
  cJSON *training = cJSON_AddObjectToObject(json, "training");
  cJSON_AddNumberToObject(training, "batch", TRAINING_BATCH);
  json_add_uint64(training, "memory_bytes", r->trainer.memory_bytes);
  json_add_uint64(training, "memory_bound", training_bound(r));
  cJSON_AddNumberToObject(training, "dispatches", r->trainer.dispatches);
  cJSON_AddNumberToObject(training, "barriers", r->trainer.barriers);
  json_print_line(json);
}

static mote_status show_model(const options *o, const char *path, mote_error *error) {
  mote_device *device = NULL;
  mote_model *model = NULL;
  info_report r = {.path = path ? path : "the built-in weights"};
  mote_status status = MOTE_OK;
  TRY_GOTO(end, open_device(&o->common, &device, error));
  r.device = mote_device_get_info(device);
  r.model_bytes = mote_device_get_counters(device).memory_bytes;
  TRY_GOTO(end, open_any_model(device, path, &model, error));
  r.model_bytes = mote_device_get_counters(device).memory_bytes - r.model_bytes;
  r.model = mote_model_get_info(model);
  r.samples = !r.model->classifies && !network_check_images(r.model, NULL);
  if (r.samples) TRY_GOTO(end, measure_samplers(model, &r, error));
  if (r.samples || r.model->classifies) TRY_GOTO(end, measure_trainer(device, &r, error));
  if (o->common.json)
    print_json(&r);
  else
    print_text(&r);
end:
  mote_model_destroy(&model);
  mote_device_destroy(&device);
  return status;
}

typedef struct info_options {
  options base;
  const char *path, *picture;
  dataset_desc data;
  bool about_data;  // an option was given that is for DATA only
} info_options;

static mote_status take_option(options *base, int value, const char *text, mote_error *error) {
  info_options *o = (info_options *)base;
  o->about_data = true;
  switch (value) {
    case OPTION_OUTPUT: o->picture = text; return MOTE_OK;
    case OPTION_CHANNELS: return option_int("--channels", text, 1, 4, &o->data.channels, error);
    default: return dataset_take_option(&o->data, value, text, error);
  }
}

static mote_status check_options(options *base, mote_error *error) {
  info_options *o = (info_options *)base;
  o->data.path = o->path = options_word(&o->base);
  TRY(options_no_more_words(&o->base, error));
  if (info_is_data(o->path)) return MOTE_OK;
  if (o->about_data)
    return fail(error, MOTE_ERROR_USAGE, "%s: is no DATA, which -o, --tile and the like are for",
                o->path ? o->path : "the built-in weights");
  return check_model_given(o->path, error);
}

static mote_status show(options *base, int *exit_code, mote_error *error) {
  (void)exit_code;
  const info_options *o = (const info_options *)base;
  if (info_is_data(o->path)) return info_show_data(&o->data, o->picture, base->common.json, error);
  return show_model(base, o->path, error);
}

int command_info(int argc, const char **argv) {
  info_options o = {0};
  return options_run(&o.base, &(options_work){&desc, take_option, check_options, show}, argc, argv);
}
