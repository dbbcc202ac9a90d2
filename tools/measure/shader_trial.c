// shader_trial.c: `--shaders DIR` of `mote bench` and `mote profile`.
#include "tools/measure/shader_trial.h"

#include <math.h>
#include <stdio.h>

#include "graph/measure/trial.h"
#include "tools/json.h"
#include "tools/measure/shader_compile.h"
#include "tools/say.h"

static const char *verdict(const trial_row *row) {
  if (!row->dispatches) return "unused";
  return trial_passed(row) ? "ok" : "FAILS";
}

static void print_text(const trial *t, const bench_options *o, bool train) {
  print("%-32s %10s %12s %12s %7s %12s %12s  %s\n", "shader", "dispatches", "us embedded", "us replaced", "ratio",
         "difference", "largest", "");
  for (size_t i = 0; i < t->count; i++) {
    const trial_row *row = &t->rows[i];
    print("%-32s %10d %12.1f %12.1f %7.2f %12.3g %12.3g  %s\n", row->kernel, row->dispatches, row->embedded * 1e6,
           row->replaced * 1e6, row->embedded > 0 ? row->replaced / row->embedded : 0, row->difference, row->largest,
           verdict(row));
  }
  print("the %s step: %.3f ms embedded, %.3f ms replaced (batch %d, the least of two medians of %d)\n",
         train ? "training" : "sampling", t->embedded * 1e3, t->replaced * 1e3, o->batch, o->repeat);
}

static void print_json(const trial *t, const bench_options *o, bool train) {
  for (size_t i = 0; i < t->count; i++) {
    const trial_row *row = &t->rows[i];
    cJSON *json = cJSON_CreateObject();
    cJSON_AddStringToObject(json, "what", "shader");
    cJSON_AddStringToObject(json, "kernel", row->kernel);
    cJSON_AddNumberToObject(json, "dispatches", row->dispatches);
    cJSON_AddNumberToObject(json, "ms_embedded", row->embedded * 1e3);
    cJSON_AddNumberToObject(json, "ms_replaced", row->replaced * 1e3);
    // JSON knows no infinity: null.
    cJSON_AddNumberToObject(json, "difference", row->difference);
    cJSON_AddNumberToObject(json, "largest", row->largest);
    cJSON_AddBoolToObject(json, "passed", trial_passed(row));
    json_print_line(json);
  }
  cJSON *json = cJSON_CreateObject();
  cJSON_AddStringToObject(json, "what", train ? "train" : "sample");
  cJSON_AddNumberToObject(json, "batch", o->batch);
  cJSON_AddNumberToObject(json, "ms_embedded", t->embedded * 1e3);
  cJSON_AddNumberToObject(json, "ms_replaced", t->replaced * 1e3);
  json_print_line(json);
}

static mote_status judge(const trial *t, mote_error *error) {
  for (size_t i = 0; i < t->count; i++) {
    const trial_row *row = &t->rows[i];
    if (trial_passed(row)) continue;
    return fail(error, MOTE_ERROR_FORMAT,
                "--shaders: %s computes something else than the embedded one: in %s it is off by %g, where values reach %g",
                row->kernel, row->layer, row->difference, row->largest);
  }
  return MOTE_OK;
}

mote_status shader_trial(const bench_options *o, bool train, mote_error *error) {
  shader_set set;
  bench_subject subject = {0};
  profile_subject step = {0};
  trial trial = {0};
  mote_status status;
  TRY(shader_set_compile(o->shaders, &set, error));
  TRY_GOTO(end, bench_open(o, &subject, error));
  TRY_GOTO(end, bench_make(&subject, train, o->batch, &step, error));
  TRY_GOTO(end, trial_measure(&step, set.shaders, set.count, o->repeat, &trial, error));
  (o->base.common.json ? print_json : print_text)(&trial, o, train);
  status = judge(&trial, error);
end:
  trial_finish(&trial);
  bench_release(&step);
  bench_close(&subject);
  shader_set_finish(&set);  // the device's kernels borrow it
  return status;
}
