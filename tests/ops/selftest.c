// selftest.c: runs every op's cases against their references.
#include "tests/selftest.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "graph/philox.h"

enum { GUARD_BYTES = 256 };

// Everything one case holds on to.
typedef struct run {
  program *program;
  tensor *inputs[CASE_INPUTS], *output;
  double *values[CASE_INPUTS];
  int input_count;
} run;

static void finish(run *run) {
  program_destroy(&run->program);
  for (int i = 0; i < run->input_count; i++) free(run->values[i]);
}

static mote_status out_of_memory(mote_error *error) { return fail(error, MOTE_ERROR_MEMORY, "out of memory"); }

// Uniform values that differ from input to input; what float rounds away the reference does not see either.
static mote_status fill_input(run *run, const op_case *test, int index, mote_error *error) {
  const case_input *input = &test->inputs[index];
  size_t count = tensor_elements(run->inputs[index]);
  float *rows = malloc(count * sizeof *rows);
  run->values[index] = malloc(count * sizeof(double));
  if (!rows || !run->values[index]) {
    free(rows);
    return out_of_memory(error);
  }
  double low = input->low, high = input->high;
  if (low == 0 && high == 0) low = -1, high = 1;
  for (size_t i = 0; i < count; i++) {
    philox_block block = philox((philox_block){{(uint32_t)i, (uint32_t)index, 77, 0}}, 4711);
    rows[i] = (float)(low + (high - low) * block.words[0] / 4294967296.0);
    run->values[index][i] = rows[i];
  }
  bool is_words = input->layout == LAYOUT_RAW && test->words && input->shape.c == 4 && input->shape.n == 1;
  for (size_t i = 0; i < count && is_words; i++) run->values[index][i] = test->words[i];
  mote_status status =
      program_write(run->program, run->inputs[index], is_words ? (const void *)test->words : rows, error);
  free(rows);
  return status;
}

static mote_status prepare(mote_device *device, const op_case *test, run *run, mote_error *error) {
  graph *graph = graph_create(device_get_caps(device));
  if (!graph) return out_of_memory(error);
  for (int i = 0; i < CASE_INPUTS && test->inputs[i].shape.n; i++) {
    char name[] = {'i', 'n', 'p', 'u', 't', (char)('0' + i), 0};
    run->inputs[run->input_count++] = graph_input(graph, name, test->inputs[i].shape, test->inputs[i].layout);
  }
  run->output = test->build(graph, test, run->inputs);
  if (run->output) run->output->keep = true;
  TRY(program_create(&(program_desc){.device = device,
                                     .graph = graph,
                                     .name = test->name,
                                     .keep_unfused = 0,
                                     .guard_bytes = device_get_caps(device)->separate_buffers ? GUARD_BYTES : 0},
                     &run->program, error));
  for (int i = 0; i < run->input_count; i++) TRY(fill_input(run, test, i, error));
  return MOTE_OK;
}

static double relative_error(const float *found, const double *expected, size_t count, double tolerance) {
  double difference = 0, size = 0;
  for (size_t i = 0; i < count; i++) {
    double e = tolerance == 0 ? (double)(float)expected[i] : expected[i];
    if (!isfinite(found[i])) return INFINITY;
    difference += (found[i] - e) * (found[i] - e);
    size += e * e;
  }
  if (size == 0) return difference == 0 ? 0 : INFINITY;
  return sqrt(difference / size);
}

static mote_status compare(run *run, const op_case *test, double *found, mote_error *error) {
  TRY(program_run(run->program, PHASE_ONCE, 1, error));
  TRY(program_run(run->program, PHASE_STEP, 1, error));
  size_t count = tensor_elements(run->output);
  float *rows = malloc(count * sizeof *rows);
  double *expected = calloc(count, sizeof *expected);
  mote_status status = rows && expected ? MOTE_OK : out_of_memory(error);
  if (!status) status = program_read(run->program, run->output, rows, error);
  if (!status) {
    test->reference(test, run->values, expected);
    if (run->output->layout == LAYOUT_RAW && test->words)  // words, not floats
      for (size_t i = 0; i < count; i++) {
        uint32_t word;
        memcpy(&word, &rows[i], 4);
        rows[i] = (float)word;
      }
    *found = relative_error(rows, expected, count, test->tolerance);
  }
  free(rows);
  free(expected);
  return status;
}

// The error of one case; infinity, and why, where a guard behind a tensor was overwritten.
static mote_status run_case(mote_device *device, const op_case *test, double *found, const char **overrun,
                            mote_error *error) {
  run run = {0};
  *overrun = NULL;
  mote_status status = prepare(device, test, &run, error);
  if (!status) status = compare(&run, test, found, error);
  if (!status) status = program_check_guards(run.program, overrun, error);
  if (*overrun) *found = INFINITY;
  finish(&run);
  return status;
}

int selftest_run(mote_device *device, bool verbose, bool json) {
  static const struct {
    const char *op;
    const op_cases *cases;
  } all[] = {
#define OP(name, builder) {#name, &name##_cases},
#include "graph/ops.def"
#undef OP
  };
  int failed = 0;
  for (size_t i = 0; i < sizeof all / sizeof *all; i++)
    for (int k = 0; k < all[i].cases->count; k++) {
      const op_case *test = &all[i].cases->cases[k];
      double found = INFINITY;
      const char *overrun;
      mote_error error = {0};
      mote_status status = run_case(device, test, &found, &overrun, &error);
      bool passed = !status && found <= test->tolerance;
      failed += !passed;
      if (json)
        printf("{\"op\":\"%s\",\"case\":\"%s\",\"error\":%g,\"tolerance\":%g,\"passed\":%s}\n", all[i].op, test->name,
               isfinite(found) ? found : 1e300, test->tolerance, passed ? "true" : "false");
      else if (verbose || !passed)
        printf("%-16s %-44s error %8.1e, at most %8.1e  %s%s%s\n", all[i].op, test->name, found, test->tolerance,
               passed ? "ok" : "FAILED", overrun ? ": written behind a tensor" : status ? ": " : "",
               status ? error.message : "");
      if (status == MOTE_ERROR_DEVICE_LOST) return -1;
    }
  return failed;
}
