// sample.c: `mote sample`: makes images from a model.
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "runtime/error.h"
#include "tools/command.h"
#include "tools/interrupt.h"
#include "tools/json.h"
#include "tools/open.h"
#include "tools/sample/context.h"
#include "tools/sample/heap.h"
#include "tools/sample/sample_inputs.h"
#include "tools/sample/sample_options.h"
#include "tools/sample/sample_output.h"
#include "tools/sample/sample_run.h"

typedef struct sample_report {
  const sample_options *options;
  const mote_device_info *device;
  const sample_run *run;
  int count;                      // that were asked for
  mote_device_counters sampling;  // what the device did meanwhile; memory as it was at the end
} sample_report;

static mote_device_counters counters_since(const mote_device_counters *before, mote_device_counters after) {
  after.commands_begun -= before->commands_begun;
  after.submissions -= before->submissions;
  after.descriptor_writes -= before->descriptor_writes;
  after.dispatches_recorded -= before->dispatches_recorded;
  after.barriers_recorded -= before->barriers_recorded;
  after.pipelines_created -= before->pipelines_created;
  return after;
}

// Time of one step of one batch, as if all batches were full: what the images cost, spread evenly.
static double step_seconds(const sample_report *r) {
  double steps =
      (double)r->run->finished * r->run->steps + (double)(r->run->begun - r->run->finished) * r->run->steps_done;
  return steps > 0 ? r->run->seconds / steps : 0;
}

static void print_json(const sample_report *r) {
  const sample_options *o = r->options;
  const sample_run *run = r->run;
  cJSON *json = cJSON_CreateObject();
  cJSON_AddStringToObject(json, "event", "result");
  cJSON_AddNumberToObject(json, "images", run->begun);
  cJSON_AddNumberToObject(json, "finished", run->finished);
  cJSON_AddNumberToObject(json, "asked_for", r->count);
  cJSON_AddBoolToObject(json, "interrupted", run->finished < r->count);
  cJSON_AddStringToObject(json, "sampler", sampler_names[o->kind]);
  cJSON_AddNumberToObject(json, "steps", run->steps);
  cJSON_AddNumberToObject(json, "eta", o->eta);
  cJSON_AddNumberToObject(json, "guidance", o->guidance);
  if (o->guidance_of) cJSON_AddStringToObject(json, "guidance_of", o->guidance_of);
  if (o->inits) cJSON_AddNumberToObject(json, "strength", sample_inputs_strength(o));
  json_add_uint64(json, "seed", o->seed);
  json_add_uint64(json, "first", o->first);
  cJSON_AddNumberToObject(json, "seconds", run->seconds);
  cJSON_AddNumberToObject(json, "seconds_per_image_step", step_seconds(r));
  cJSON_AddStringToObject(json, "device", r->device->name);
  cJSON_AddNumberToObject(json, "dispatches_per_step", run->info.dispatches);
  cJSON_AddNumberToObject(json, "barriers_per_step", run->info.barriers);
  json_add_uint64(json, "submissions", r->sampling.submissions);
  json_add_uint64(json, "sampler_bytes", run->info.memory_bytes);
  json_add_uint64(json, "activation_bytes", run->info.activation_bytes);
  json_add_uint64(json, "device_peak_bytes", r->sampling.memory_peak_bytes);
  cJSON *files = cJSON_AddObjectToObject(json, "files");
  if (o->grid) cJSON_AddStringToObject(files, "grid", o->grid);
  if (o->each) cJSON_AddStringToObject(files, "each", o->each);
  if (o->gif) cJSON_AddStringToObject(files, "gif", o->gif);
  if (o->moments) cJSON_AddStringToObject(files, "moments", o->moments);
  if (o->npy) cJSON_AddStringToObject(files, "npy", o->npy);
  if (o->sheet) cJSON_AddStringToObject(files, "sheet", o->sheet);
  json_print_line(json);
}

static void print_details(const sample_report *r) {
  const mote_sampler_info *info = &r->run->info;
  const double mebibyte = 1024.0 * 1024.0;
  say("a step: %" PRIu32 " dispatches, %" PRIu32 " barriers, %.3g ms an image; set-up of a batch: %" PRIu32
      " dispatches",
      info->dispatches, info->barriers, 1e3 * step_seconds(r), info->setup_dispatches);
  say("the run: %" PRIu64 " submissions, %" PRIu64 " command buffers recorded, %" PRIu64 " descriptors written",
      r->sampling.submissions, r->sampling.commands_begun, r->sampling.descriptor_writes);
  say("memory: sampler %.1f MiB, of these activations %.1f MiB (at least %.1f MiB needed); device peak %.1f MiB",
      (double)info->memory_bytes / mebibyte, (double)info->activation_bytes / mebibyte,
      (double)info->activation_bound / mebibyte, (double)r->sampling.memory_peak_bytes / mebibyte);
}

static void print_summary(const sample_report *r) {
  const sample_run *run = r->run;
  char guidance[32] = "";
  if (r->options->guidance != 1) snprintf(guidance, sizeof guidance, ", guidance %g", r->options->guidance);
  if (run->finished == r->count)
    print("%d image%s, %d %s step%s%s, seed %" PRIu64 ", in %.3g s (%.3g images/s) on %s\n", run->begun,
           run->begun == 1 ? "" : "s", run->steps, sampler_names[r->options->kind], run->steps == 1 ? "" : "s",
           guidance, r->options->seed, run->seconds, run->seconds > 0 ? run->finished / run->seconds : 0, r->device->name);
  const sample_options *o = r->options;
  const char *const paths[] = {o->grid, o->each, o->gif, o->moments, o->npy, o->sheet};
  for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
    if (paths[i]) print("wrote %s\n", paths[i]);
}

static int finish_report(const sample_report *r) {
  const sample_run *run = r->run;
  if (run->begun) {
    if (r->options->base.common.verbose) print_details(r);
    if (r->options->base.common.json)
      print_json(r);
    else
      print_summary(r);
  }
  if (run->finished == r->count) return COMMAND_DONE;
  if (!run->begun)
    say("interrupted before the first step; nothing was written");
  else if (run->finished == run->begun)
    say("interrupted after %d of %d images; these were written", run->finished, r->count);
  else
    say("interrupted at step %d of %d; wrote %d of %d images, %d of them finished", run->steps_done, run->steps,
        run->begun, r->count, run->finished);
  return COMMAND_FAILED;
}

static mote_sampler_desc describe_sampler(const sample_options *o) {
  mote_sampler_desc desc = {.kind = o->kind,
                            .steps = o->steps,
                            .eta = o->eta,
                            .grid = o->timestep_grid,
                            .guidance = o->guidance,
                            .guidance_low = o->guidance_low,
                            .guidance_high = o->guidance_high,
                            .clip_x0 = o->clip_x0,
                            .threshold = o->threshold,
                            .strength = sample_inputs_strength(o),
                            .edit = o->mask    ? MOTE_EDIT_INPAINT
                                    : o->inits ? MOTE_EDIT_IMAGE
                                               : MOTE_EDIT_NONE,
                            .resample = o->resample};
  memcpy(desc.attribute_guidance, o->attribute_guidance, sizeof desc.attribute_guidance);
  return desc;
}

static sample_course describe_course(const sample_options *o) {
  if (o->interpolate)
    return (sample_course){.kind = o->has_to_seed ? COURSE_TO_SEED : COURSE_ONE, .to_seed = o->to_seed};
  return (sample_course){.kind = o->variation > 0 ? COURSE_VARY : COURSE_OWN, .share = o->variation};
}

static sample_run_desc describe_run(const sample_options *o, const sample_inputs *inputs, mote_model *model) {
  int batch = o->batch ? o->batch : 64;
  return (sample_run_desc){
      .model = model,
      .sampler = describe_sampler(o),
      .count = inputs->count,
      .batch = batch < inputs->count ? batch : inputs->count,
      .seed = o->seed,
      .first = (uint32_t)o->first,
      .contexts = inputs->contexts,
      .avoid = inputs->avoid,
      .x = inputs->x,
      .init = inputs->edit.init,
      .mask = inputs->edit.mask,
      .course = describe_course(o),
      .want_pixels = o->grid || o->each || o->preview || (o->gif && o->interpolate),
      .want_images = o->npy != NULL,
      .want_frames = o->moments || (o->gif && !o->interpolate),
      .json = o->base.common.json,
  };
}

static bool any_context(const sample_inputs *inputs, const mote_model_info *model) {
  bool any = false;
  for (int i = 0; inputs->contexts && i < inputs->count * model->n_cfeat; i++) any |= inputs->contexts[i] != 0;
  return any;
}

// What the model says of itself decides what was not given.
static mote_status settle_guidance(sample_options *o, const sample_inputs *inputs, const mote_model_info *model,
                                   mote_error *error) {
  if (o->guidance == 0) o->guidance = inputs->avoid || any_context(inputs, model) ? model->recommended_guidance : 1;
  if (o->guidance_of) TRY(guidance_parse("--guidance-of", o->guidance_of, model, o->attribute_guidance, error));
  if (o->guidance != 1 || o->guidance_of || !(o->avoided || o->guidance_high > 0)) return MOTE_OK;
  return fail(error, MOTE_ERROR_USAGE, "%s: found no --guidance other than 1, which it is for",
              o->avoided ? "--avoid" : "--guidance-interval");
}

// Everything between the device and the files.
static mote_status sample_on_device(sample_options *o, sample_inputs *inputs, mote_device *device,
                                    mote_model *model, int *exit_code, mote_error *error) {
  const mote_model_info *info = mote_model_get_info(model);
  TRY(sample_inputs_fit(inputs, o, info, error));
  TRY(settle_guidance(o, inputs, info, error));
  TRY(sample_output_check_sizes(o, info, inputs->count, error));
  sample_run_desc desc = describe_run(o, inputs, model);
  sample_run run;
  mote_device_counters before = mote_device_get_counters(device);
  TRY(sample_run_init(&run, &desc, error));
  sample_report report = {.options = o, .device = mote_device_get_info(device), .run = &run, .count = inputs->count};
  report.sampling = counters_since(&before, mote_device_get_counters(device));
  mote_status status = run.begun ? sample_output_write(o, info, &run, error) : MOTE_OK;
  if (!status) *exit_code = finish_report(&report);
  sample_run_finish(&run);
  return status;
}

static mote_status sample(sample_options *o, int *exit_code, mote_error *error) {
  sample_inputs inputs = {0};
  mote_device *device = NULL;
  mote_model *model = NULL;
  mote_status status = MOTE_OK;
  TRY_GOTO(end, sample_inputs_init(&inputs, o, error));
  TRY_GOTO(end, sample_output_check_paths(o, inputs.count, error));
  interrupt_watch();
  heap_return_blocks();
  TRY_GOTO(end, open_device(&o->base.common, &device, error));
  say_device(mote_device_get_info(device));
  TRY_GOTO(end, open_sized_model(device, o->model, o->size, &model, error));
  status = sample_on_device(o, &inputs, device, model, exit_code, error);
end:
  sample_inputs_finish(&inputs);
  mote_model_destroy(&model);
  mote_device_destroy(&device);
  return status;
}

int command_sample(int argc, const char **argv) {
  sample_options options;
  int exit_code = COMMAND_FAILED;
  mote_error error;
  if (sample_options_init(&options, argc, argv, &exit_code) && sample(&options, &exit_code, &error))
    exit_code = report(&error);
  sample_options_finish(&options);
  return exit_code;
}
