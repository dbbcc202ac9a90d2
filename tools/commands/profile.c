// profile.c: `mote profile`: every dispatch of a sampling or training step, against the device's ceilings.
#include <stdio.h>

#include "tools/command.h"
#include "tools/json.h"
#include "tools/measure/bench_subject.h"
#include "tools/measure/profile_capture.h"
#include "tools/measure/profile_compare.h"
#include "tools/measure/shader_trial.h"
#include "tools/measure/trace.h"
#include "tools/output.h"
#include "tools/say.h"

static const char *const whats[] = {"sample", "train", NULL};

static const struct poptOption table[] = {
    {"what", 0, POPT_ARG_STRING, NULL, BENCH_WHAT, "sample (default) or train", "STEP"},
    BENCH_OPTIONS,
    {"trace", 0, POPT_ARG_STRING, NULL, BENCH_TRACE, "write one replay for chrome://tracing and Perfetto", "out.json"},
    {"compare", 0, POPT_ARG_STRING, NULL, BENCH_COMPARE, "compare two outputs of --json; measure nothing", "a.json b.json"},
    {"renderdoc", 0, POPT_ARG_STRING, NULL, BENCH_RENDERDOC, "capture one step for RenderDoc; time nothing", "out.rdc"},
    {"npy", 0, POPT_ARG_STRING, NULL, BENCH_NPY, "write what the captured step made: images, or the loss", "out.npy"},
    POPT_TABLEEND,
};

static const options_desc desc = {
    .name = "profile",
    .usage = "[MODEL] [OPTION...] | --compare a.json b.json",
    .table = table,
    .notes = "Times every dispatch of one step. Without MODEL: random weights. Default batch: 1.\n\n"
             "Examples:\n  mote profile sprites.safetensors --batch 32 --trace step.json\n"
             "  mote profile --json > a.json; mote profile --plain-kernels --json > b.json\n"
             "  mote profile --compare a.json b.json\n",
};

static const char *method_name(const profile *p) { return p->by_submission ? "submissions" : "timestamps"; }

static double share(const ceilings *c, const profile_row *row) {
  return row->seconds > 0 ? ceilings_bound(c, &row->work) / row->seconds : 0;
}

static void print_text(const bench_options *o, const profile *p, const ceilings *c) {
  double sum = 0;
  print("%-30s %-16s %-32s %10s %8s %8s %6s\n", "layer", "shape", "kernel", "us", "GFLOP/s", "GB/s", "share");
  for (int i = 0; i < p->count; i++) {
    const profile_row *row = &p->rows[i];
    double seconds = row->seconds > 0 ? row->seconds : 1e-9;
    sum += row->seconds;
    print("%-30s %-16s %-32s %10.1f %8.2f %8.2f %5.0f%%\n", row->work.label, shape_format(row->work.shape).text,
           row->work.kernel, row->seconds * 1e6, row->work.operations / seconds / 1e9, row->work.bytes / seconds / 1e9,
           100 * share(c, row));
  }
  print("%d dispatches take %.3f ms, the step %.3f ms (batch %d, medians of %d, by %s)\n", p->count, sum * 1e3,
         p->step * 1e3, o->batch, o->repeat, method_name(p));
}

static cJSON *line(const char *what, const bench_options *o, const profile *p, double seconds) {
  cJSON *json = cJSON_CreateObject();
  cJSON_AddStringToObject(json, "what", what);
  cJSON_AddNumberToObject(json, "batch", o->batch);
  cJSON_AddNumberToObject(json, "ms", seconds * 1e3);
  cJSON_AddStringToObject(json, "device", mote_device_get_info(p->device)->name);
  return json;
}

static void print_json(const bench_options *o, const profile *p, const ceilings *c) {
  for (int i = 0; i < p->count; i++) {
    const profile_row *row = &p->rows[i];
    double seconds = row->seconds > 0 ? row->seconds : 1e-9;
    cJSON *json = line("dispatch", o, p, row->seconds);
    cJSON_AddStringToObject(json, "layer", row->work.label);
    cJSON_AddStringToObject(json, "op", row->work.op);
    cJSON_AddStringToObject(json, "kernel", row->work.kernel);
    cJSON_AddStringToObject(json, "shape", shape_format(row->work.shape).text);
    cJSON_AddNumberToObject(json, "gflops", row->work.operations / seconds / 1e9);
    cJSON_AddNumberToObject(json, "gigabytes_per_second", row->work.bytes / seconds / 1e9);
    cJSON_AddNumberToObject(json, "share_of_ceiling", share(c, row));
    json_print_line(json);
  }
  cJSON *json = line(o->what ? "train" : "sample", o, p, p->step);
  cJSON_AddNumberToObject(json, "dispatches", p->count);
  cJSON_AddStringToObject(json, "method", method_name(p));
  json_print_line(json);
}

static void report_capture(const bench_options *o, const profile_subject *step, const mote_device_info *device) {
  const int count = program_dispatch_count(profile_program(step), profile_step(step));
  if (!o->base.common.json) {
    print("wrote %s: a %s step of batch %d, %d dispatches\n", o->renderdoc, o->what ? "training" : "sampling", o->batch,
           count);
    return;
  }
  cJSON *json = cJSON_CreateObject();
  cJSON_AddStringToObject(json, "what", "capture");
  cJSON_AddStringToObject(json, "step", o->what ? "train" : "sample");
  cJSON_AddStringToObject(json, "path", o->renderdoc);
  cJSON_AddNumberToObject(json, "batch", o->batch);
  cJSON_AddNumberToObject(json, "dispatches", count);
  cJSON_AddStringToObject(json, "device", device->name);
  json_print_line(json);
}

static mote_status check_outputs(const bench_options *o, mote_error *error) {
  file_claims claims = {0};
  claims_read(&claims, "MODEL", o->path);
  claims_write(&claims, "--renderdoc", o->renderdoc);
  claims_write(&claims, "--npy", o->npy);
  claims_write(&claims, "--trace", o->trace);
  return claims_settle(&claims, error);
}

static mote_status capture(bench_options *o, mote_error *error) {
  bench_subject subject = {0};
  profile_subject step = {0};
  renderdoc renderdoc;
  mote_status status = MOTE_OK;
  // A buffer a tensor, so that each has its name.
  o->base.common.separate_buffers = true;
  // Pipelines made under RenderDoc are of another driver to the cache, and would take the place of the user's.
  if (!o->base.common.cache) o->base.common.cache = "none";
  TRY(output_check_extension("--renderdoc", o->renderdoc, ".rdc", error));
  if (o->npy) TRY(output_check_extension("--npy", o->npy, ".npy", error));
  TRY(check_outputs(o, error));
  TRY(renderdoc_init(&renderdoc, error));
  TRY_GOTO(end, bench_open(o, &subject, error));
  TRY_GOTO(end, bench_make(&subject, o->what == 1, o->batch, &step, error));
  TRY_GOTO(end, profile_capture(&renderdoc, &step, o->renderdoc, error));
  if (o->npy) status = profile_capture_write(&step, o->npy, error);
  if (status) renderdoc_discard(&renderdoc);
  if (!status) status = renderdoc_keep(&renderdoc, o->renderdoc, error);
  if (!status) report_capture(o, &step, mote_device_get_info(subject.device));
end:
  bench_release(&step);
  bench_close(&subject);
  return status;
}

static mote_status run(options *base, int *exit_code, mote_error *error) {
  (void)exit_code;
  bench_options *o = (bench_options *)base;
  bench_subject subject = {0};
  profile_subject step = {0};
  profile profile = {0};
  ceilings ceilings;
  mote_status status = MOTE_OK;
  if (o->compare) return profile_compare(o->compare, o->path, o->base.common.json, error);
  if (!o->batch) o->batch = 1;
  if (o->shaders) return shader_trial(o, o->what == 1, error);
  if (o->renderdoc) return capture(o, error);
  if (o->trace) TRY(output_check_extension("--trace", o->trace, ".json", error));
  TRY(check_outputs(o, error));
  TRY_GOTO(end, bench_open(o, &subject, error));
  TRY_GOTO(end, ceilings_measure(subject.device, &ceilings, error));
  TRY_GOTO(end, bench_make(&subject, o->what == 1, o->batch, &step, error));
  TRY_GOTO(end, profile_measure(&step, o->repeat, &profile, error));
  if (o->trace) TRY_GOTO(end, trace_write(o->trace, &profile, o->what ? "training step" : "sampling step", error));
  (o->base.common.json ? print_json : print_text)(o, &profile, &ceilings);
end:
  profile_finish(&profile);
  bench_release(&step);
  bench_close(&subject);
  return status;
}

int command_profile(int argc, const char **argv) {
  bench_options o = {.whats = whats};
  return options_run(&o.base, &(options_work){&desc, bench_take_option, bench_check_options, run}, argc, argv);
}
