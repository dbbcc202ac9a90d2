// train.c: `mote train`: makes a model from images.
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/error.h"
#include "runtime/text.h"
#include "tools/command.h"
#include "tools/interrupt.h"
#include "tools/json.h"
#include "tools/open.h"
#include "tools/output.h"
#include "tools/progress.h"
#include "tools/train/train_paths.h"
#include "tools/train/train_run.h"
#include "tools/train/train_samples.h"
#include "tools/train/train_settings.h"
#include "tools/train/train_written.h"

typedef struct training {
  train_options *options;
  train_paths paths;
  bool goes_on;  // from a checkpoint
  dataset train, held_out;
  mote_device *device;
  mote_model *start;    // NULL: fresh weights, or those of a checkpoint
  mote_model *teacher;  // NULL: none
  mote_trainer *trainer;
  uint64_t total_steps;  // 0: by the clock
  double started;
} training;

// Names that go to settings.json, to the lines of --json and into a model.
static mote_status check_names(const train_options *o, mote_error *error) {
  const struct {
    const char *option, *text;
  } names[] = {{"-o", o->output},        {"DATA", o->data},         {"--start", o->start}, {"--teacher", o->teacher},
               {"--labels", o->labels}, {"--contexts", o->contexts}, {"--attributes", o->attributes}, {"--background", o->background}, {"--tile", o->tile}};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++)
    if (names[i].text && !text_is_clean(names[i].text, strlen(names[i].text)))
      return fail(error, MOTE_ERROR_USAGE, "%s: found \"%s\", expected a name in UTF-8 without control characters",
                  names[i].option, names[i].text);
  for (const char *line = o->classes; line && *line; line += strcspn(line, "\r\n\t"), line += strspn(line, "\r\n\t"))
    if (!text_is_clean(line, strcspn(line, "\r\n\t")))
      return fail(error, MOTE_ERROR_USAGE, "--classes: found \"%s\", expected UTF-8 without control characters", o->classes);
  return MOTE_OK;
}

// A run that was made with hours of work is not replaced by a repeated command line, nor is another begun by a misspelt one.
static mote_status begin_or_go_on(training *t, mote_error *error) {
  const train_options *o = t->options;
  const train_paths *p = &t->paths;
  if (o->resume && o->force)
    return fail(error, MOTE_ERROR_USAGE, "found both --resume and --force, expected one of them");
  if (!o->resume) return o->force ? MOTE_OK : train_paths_check_free(p, o->output, error);
  t->goes_on = train_paths_has_state(p);
  if (!train_paths_has_settings(p))
    return fail(error, MOTE_ERROR_FILE, "--resume: there is no %s, expected the run of -o %s; leave --resume out to begin one",
                t->goes_on ? p->settings : p->lock >= 0 ? p->settings : p->folder, o->output);
  TRY(train_settings_adopt(t->options, p->settings, !t->goes_on, error));
  if (!t->goes_on) say("%s: there is no checkpoint yet, the run begins anew with its settings", p->folder);
  TRY(train_written_check(p, o->output, error));
  return train_settings_compare_files(o, !t->goes_on, error);
}

// Nothing that is read is written.
static mote_status check_files(const training *t, mote_error *error) {
  const train_options *o = t->options;
  const train_paths *p = &t->paths;
  file_claims claims = {0};
  claims_read(&claims, "DATA", o->data);
  claims_read(&claims, "--labels", o->labels);
  claims_read(&claims, "--contexts", o->contexts);
  claims_read(&claims, "--classes", o->classes);
  claims_read(&claims, "--start", o->start);
  claims_read(&claims, "--teacher", o->teacher);
  claims_write(&claims, "-o", o->output);
  const char *const of_the_run[] = {p->state, p->settings, p->log};
  for (int i = 0; i < 3; i++) claims_write(&claims, "-o", of_the_run[i]);
  mote_status status = claims_check(&claims, error);
  claims_finish(&claims);
  if (!status) status = output_check_writable("-o", o->output, error);
  return status ? status : output_check_directory("-o", p->folder, error);
}

static mote_status load_data(training *t, mote_error *error) {
  dataset all;
  TRY(dataset_init(&all, &t->options->dataset, error));
  train_settings_source(t->options, all.source, sizeof all.source);
  mote_status status = dataset_split(&all, t->options->holdout, t->options->seed, &t->train, &t->held_out, error);
  if (!status && all.composited && !t->options->channels)
    say("transparent pixels are composited on a colour (--background); --channels 4 keeps the transparency");
  if (!status) dataset_say_choices(&all);
  const mote_model_info *teacher = t->teacher ? mote_model_get_info(t->teacher) : NULL;
  if (!status && teacher && teacher->label_count && !dataset_has_labels(&all, teacher))
    status = fail(error, MOTE_ERROR_FORMAT, "%s: has %d classes%s%s, expected those of the teacher: %d from %s", all.source,
                  all.class_count, all.class_count ? " from " : "", all.class_count ? all.classes[0] : "", teacher->label_count,
                  teacher->labels[0]);
  dataset_finish(&all);
  t->options->channels = t->train.size.channels;
  return status;
}

static uint64_t count_steps(const train_options *o, uint32_t images) {
  if (o->minutes > 0) return 0;
  if (o->epochs <= 0) return (uint64_t)o->steps;
  double steps = ceil(o->epochs * images / ((double)o->batch * o->accumulate));
  return steps < 1 ? 1 : steps > 2e9 ? 2000000000u : (uint64_t)steps;
}

static void settle_alpha(training *t) {
  if (t->options->alpha != ALPHA_PREMULTIPLIED) return;
  dataset_premultiply(&t->train);
  dataset_premultiply(&t->held_out);
}

static mote_status describe_model(const training *t, mote_model_info *model, mote_error *error) {
  const train_options *o = t->options;
  *model = (mote_model_info){.channels = t->train.size.channels,
                             .height = t->train.size.height,
                             .width = t->train.size.width,
                             .n_cfeat = dataset_context_length(&t->train),
                             .timesteps = o->timesteps,
                             .schedule = (mote_schedule)o->schedule,
                             .beta_start = o->beta_start,
                             .beta_end = o->beta_end,
                             .prediction = (mote_prediction)o->target,
                             .premultiplied = t->train.size.channels % 2 == 0 && o->alpha == ALPHA_PREMULTIPLIED,
                             .label_count = t->train.class_count};
  memcpy(model->labels, t->train.classes, sizeof model->labels);
  model->attribute_count = t->train.attribute_count;
  memcpy(model->attributes, t->train.attributes, sizeof model->attributes);
  snprintf(model->trained_on, sizeof model->trained_on, "%s", t->train.source);
  return train_network_describe(&o->network, model, error);
}

// What a model says about shape, noise and images holds where nothing else was asked for.
static void adopt_model(train_options *o, const mote_model_info *model) {
  train_network_adopt(&o->network, train_option_given(o, "net"), model);
  if (!train_option_given(o, "channels")) o->dataset.channels = o->channels = model->channels;
  const image_size size = image_size_of(model);
  if (!train_option_given(o, "resize") && !train_option_given(o, "size")) {
    o->dataset.size[0] = o->resize[0] = size.width;
    o->dataset.size[1] = o->resize[1] = size.height;
  }
  if (!train_option_given(o, "timesteps")) o->timesteps = model->timesteps;
  if (!train_option_given(o, "schedule")) o->schedule = (int)model->schedule;
  if (!train_option_given(o, "beta-start") && model->beta_start > 0) o->beta_start = model->beta_start;
  if (!train_option_given(o, "beta-end") && model->beta_end > 0) o->beta_end = model->beta_end;
  if (!train_option_given(o, "target")) o->target = (int)model->prediction;
  bool straight = model->channels % 2 == 0 && !model->premultiplied;
  if (!train_option_given(o, "alpha")) o->alpha = straight ? ALPHA_STRAIGHT : ALPHA_PREMULTIPLIED;
}

// The weights to begin with, and those to learn from, for images of the size that was asked for. A run that goes on has its own, and
// their settings.
static mote_status open_models(training *t, mote_error *error) {
  train_options *o = t->options;
  const char *start = o->start ? o->start : o->teacher;
  if (o->teacher) TRY(open_sized_model(t->device, o->teacher, o->dataset.size, &t->teacher, error));
  if (!start || t->goes_on) return MOTE_OK;
  TRY(open_sized_model(t->device, start, o->dataset.size, &t->start, error));
  if (!o->earlier) adopt_model(o, mote_model_get_info(t->start));
  return MOTE_OK;
}

static mote_status create_trainer(training *t, mote_error *error) {
  const train_options *o = t->options;
  float *contexts = NULL, *held_contexts = NULL;
  mote_status status = dataset_contexts(&t->train, &contexts, error);
  if (!status) status = dataset_contexts(&t->held_out, &held_contexts, error);
  mote_trainer_desc desc = {
      .device = t->device,
      .start = t->start,
      .data = {t->train.count, t->train.pixels, contexts},
      .validation = {t->teacher ? 0 : t->held_out.count, t->held_out.pixels, held_contexts},
      .teacher = t->teacher,
      .distill_steps = o->distill_steps,
      .teacher_guidance = o->teacher_guidance,
      .batch = o->batch,
      .accumulate = o->accumulate,
      .learning_rate = o->learning_rate,
      .lr_schedule = (mote_lr_schedule)o->lr_schedule,
      .warmup_steps = (uint32_t)o->warmup,
      .total_steps = t->total_steps ? t->total_steps : INT32_MAX,
      .weight_decay = o->weight_decay,
      .ema = o->ema > 0 ? o->ema : 1e-30,  // 0 stands for the library's default
      .clip = o->clip,
      .context_drop = o->context_drop,
      .min_snr = o->min_snr,
      .flip = o->flip,
      .shift = o->shift,
      .seed = o->seed,
      .data_stays = true,
  };
  if (!status) status = describe_model(t, &desc.model, error);
  if (!status && o->sample_every && !o->network.classifier) desc.sampled = train_samples_count(&desc.model);
  if (!status) status = mote_trainer_create(&desc, &t->trainer, error);
  free(contexts);
  free(held_contexts);
  return status;
}

// Device, trainer and run folder; nothing of an earlier run is changed before all fits.
static mote_status prepare(training *t, mote_error *error) {
  train_options *o = t->options;
  TRY(check_names(o, error));
  TRY(train_paths_init(&t->paths, o->output, error));
  TRY(train_paths_lock(&t->paths, error));
  TRY(begin_or_go_on(t, error));
  TRY(train_options_check(o, error));
  TRY(check_files(t, error));
  bool from_model = o->start || o->teacher;  // which says what images it takes
  if (!from_model) TRY(load_data(t, error));
  TRY(open_device(&o->base.common, &t->device, error));
  const mote_device_info *device = mote_device_get_info(t->device);
  say_device(device);
  TRY(open_models(t, error));
  if (from_model) TRY(load_data(t, error));
  settle_alpha(t);
  if (o->network.classifier && t->train.contexts)
    return fail(error, MOTE_ERROR_USAGE, "--classifier: found %d attributes or numbers, expected one attribute of words, which "
                "--attributes chooses", t->train.attribute_count);
  if (o->network.classifier && t->train.class_count < 2)
    return fail(error, MOTE_ERROR_USAGE, "--classifier: found %d class, expected images of two or more",
                t->train.class_count);
  TRY(train_network_settle(&o->network, t->train.size, device->type == MOTE_DEVICE_CPU, error));
  TRY(train_network_check(&o->network, train_option_given(o, "net"), error));
  TRY(train_network_check_size(&o->network, t->train.size, o->data ? o->data : DATASET_DEFAULT_NAME, error));
  train_settings_desc settings = {
      .options = o, .train = &t->train, .held_out = &t->held_out, .device = device, .path = t->paths.settings};
  if (o->earlier) TRY(train_settings_compare(&settings, error));
  t->total_steps = count_steps(o, t->train.count);
  TRY(create_trainer(t, error));
  if (t->goes_on) {
    TRY(mote_trainer_load_state(t->trainer, t->paths.state, error));
    if (t->total_steps) TRY(mote_trainer_set_total_steps(t->trainer, t->total_steps, error));
  }
  TRY(train_paths_make(&t->paths, error));
  // Under the lock, so that what another process made since the first look is not replaced.
  if (!o->resume && !o->force) TRY(train_paths_check_free(&t->paths, o->output, error));
  if (o->force) TRY(train_paths_clear(&t->paths, error));
  if (!o->resume) TRY(train_written_begin(&t->paths, o->output, error));
  return train_settings_write(&settings, error);
}

#define MEBIBYTES(bytes) ((double)(bytes) / 1048576)

// The parts of what say_start tells.
static void say_memory(const training *t, const mote_trainer_info *info) {
  const uint64_t rest = info->memory_bytes - info->parameter_bytes - info->activation_bytes - info->data_bytes;
  if (info->data_on_host)
    say("the images, %.1f MiB, stay on the host: the device has no room for them, and gets what it draws next",
        MEBIBYTES((uint64_t)t->train.count * image_values(t->train.size)));
  if (t->options->base.common.verbose)
    say("device memory: weights, gradients, moments and averages %.1f MiB, activations %.1f, images %.1f, tables and alignment %.1f, "
        "validation and sample grids up to %.1f; %.1f are left", MEBIBYTES(info->parameter_bytes), MEBIBYTES(info->activation_bytes),
        MEBIBYTES(info->data_bytes), MEBIBYTES(rest), MEBIBYTES(info->later_bytes),
        MEBIBYTES(mote_device_get_memory(t->device).free_bytes));
}

static void say_start(const training *t) {
  char length[48];
  if (t->total_steps)
    snprintf(length, sizeof length, "%" PRIu64 " steps", t->total_steps);
  else
    snprintf(length, sizeof length, "%g minutes", t->options->minutes);
  mote_trainer_info info = mote_trainer_get_info(t->trainer);
  const int attributes = t->train.attribute_count, kinds = attributes ? attributes : t->train.class_count;
  say("%s: %u images of %d x %d x %d %s %d %s%s, %u held out; %s of %d images; %.0f MiB on the device", t->train.source,
      (unsigned)t->train.count, t->train.size.width, t->train.size.height, t->train.size.channels, attributes ? "with" : "in", kinds,
      attributes ? "attribute" : "class", kinds == 1 ? "" : attributes ? "s" : "es", (unsigned)t->held_out.count, length,
      t->options->batch * t->options->accumulate, MEBIBYTES(info.memory_bytes + info.later_bytes));
  say_memory(t, &info);
  if (t->goes_on) say("going on after step %" PRIu64, mote_trainer_steps_done(t->trainer));
  if (t->options->base.common.verbose)
    say("a step: %u dispatches, %u barriers; activations %.1f MiB (at least %.1f MiB needed)",
        (unsigned)info.dispatches, (unsigned)info.barriers, (double)info.activation_bytes / 1048576,
        (double)info.activation_bound / 1048576);
}

static void print_json(const training *t, const train_result *r) {
  cJSON *json = cJSON_CreateObject();
  cJSON_AddStringToObject(json, "event", "result");
  json_add_uint64(json, "steps", r->steps);
  cJSON_AddBoolToObject(json, "interrupted", r->interrupted);
  cJSON_AddNumberToObject(json, "loss", r->loss);  // cJSON writes NaN as null
  cJSON_AddNumberToObject(json, "val_loss", r->val_loss);
  cJSON_AddNumberToObject(json, "seconds", r->seconds);
  cJSON_AddNumberToObject(json, "samples_per_s", r->samples_per_s);
  cJSON_AddStringToObject(json, "device", mote_device_get_info(t->device)->name);
  json_add_uint64(json, "device_peak_bytes", mote_device_get_counters(t->device).memory_peak_bytes);
  cJSON_AddStringToObject(json, "output", t->options->output);
  cJSON_AddStringToObject(json, "run", t->paths.folder);
  json_print_line(json);
}

static void print_summary(const training *t, const train_result *r) {
  char took[32], validation[48] = "";
  format_seconds(r->seconds, took, sizeof took);
  if (isfinite(r->val_loss)) snprintf(validation, sizeof validation, ", validation loss %.4g", r->val_loss);
  print("%" PRIu64 " step%s in %s (%.4g samples/s) on %s, loss %.4g%s\n", r->steps, r->steps == 1 ? "" : "s", took,
         r->samples_per_s, mote_device_get_info(t->device)->name, r->loss, validation);
  print("wrote %s\nwrote %s\n", t->options->output, t->paths.folder);
}

static mote_status train(training *t, int *exit_code, mote_error *error) {
  train_result result;
  t->started = seconds_now();
  interrupt_watch();
  TRY(prepare(t, error));
  say_start(t);
  train_run_desc run = {.options = t->options,
                        .paths = &t->paths,
                        .trainer = t->trainer,
                        .total_steps = t->total_steps,
                        .validates = t->held_out.count > 0 && !t->teacher,
                        .started = t->started};
  TRY(train_run(&run, &result, error));
  if (t->options->base.common.json)
    print_json(t, &result);
  else
    print_summary(t, &result);
  if (result.interrupted)
    say("%s after step %" PRIu64 "; --resume goes on from there",
        interrupt_seen() ? "interrupted" : "standard output cannot be written; ended", result.steps);
  *exit_code = result.interrupted ? COMMAND_FAILED : COMMAND_DONE;
  return MOTE_OK;
}

int command_train(int argc, const char **argv) {
  train_options options;
  training t = {.options = &options, .paths.lock = -1};
  int exit_code = COMMAND_FAILED;
  mote_error error;
  if (train_options_init(&options, argc, argv, &exit_code) && train(&t, &exit_code, &error)) exit_code = report(&error);
  mote_trainer_destroy(&t.trainer);
  mote_model_destroy(&t.start);
  mote_model_destroy(&t.teacher);
  mote_device_destroy(&t.device);
  dataset_finish(&t.train);
  dataset_finish(&t.held_out);
  train_options_finish(&options);
  train_paths_finish(&t.paths);
  return exit_code;
}
