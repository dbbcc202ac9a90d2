// ceilings.c: measures what the device can do at best: arithmetic, copies, dispatches, submissions.
#include <stdlib.h>
#include <string.h>

#include "graph/measure/profile.h"
#include "shaders/measure_arithmetic.h"
#include "shaders/measure_copy.h"
#include "shaders/measure_matrix.h"

enum { REPEATS = 9, DISPATCHES = 256, COPIES = 4, COPY_BYTES = 64 << 20, INVOCATIONS = 1 << 17, MATRIX_WAVES = 4 };

double ceilings_bound(const ceilings *c, const program_work *work) {
  bool in_matrices = c->matrix_flops > 0 && work->cooperative;
  double arithmetic = work->operations / (in_matrices ? c->matrix_flops : c->flops), memory = work->bytes / c->bandwidth;
  return arithmetic > memory ? arithmetic : memory;
}

static int compare(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

double median(double *values, int count) {
  qsort(values, (size_t)count, sizeof *values, compare);
  return count % 2 ? values[count / 2] : (values[count / 2 - 1] + values[count / 2]) / 2;
}

// Median seconds of a submission of `count` times the dispatch, from one buffer to the other and back, after one that
// is not counted.
static mote_status time_dispatches(mote_device *device, dispatch d, int count, double *seconds, mote_error *error) {
  commands *commands;
  TRY(commands_create(device, d.label, false, &commands, error));
  mote_status status = MOTE_OK;
  for (int i = 0; i < count && !status; i++) {
    status = commands_dispatch(commands, &d, error);
    binding swapped = d.bindings[0];
    if (d.binding_count == 2) d.bindings[0] = d.bindings[1], d.bindings[1] = swapped;
  }
  if (!status) status = commands_finish(commands, error);
  double times[REPEATS];
  for (int i = -1; i < REPEATS && !status; i++) {
    double begin = clock_nanoseconds();
    status = commands_run(&commands, 1, 1, error);
    times[i < 0 ? 0 : i] = (clock_nanoseconds() - begin) / 1e9;
  }
  if (!status) *seconds = median(times, REPEATS);
  commands_destroy(&commands);
  return status;
}

// Seconds of one dispatch, submission aside, at the number of rounds where they are long beside what a submission costs.
// GPUs need many more rounds than CPUs. `rounds` lies among what d->push points at.
static mote_status time_rounds(mote_device *device, dispatch d, uint *rounds, double submission, double *seconds,
                               mote_error *error) {
  for (*rounds = 16; *rounds < 1u << 14; *rounds *= 2) {
    TRY(time_dispatches(device, d, 1, seconds, error));
    if (*seconds > 20 * submission && *seconds > 0.02) break;
  }
  if (*rounds == 1u << 14) TRY(time_dispatches(device, d, 1, seconds, error));
  if (*seconds > submission) *seconds -= submission;
  return MOTE_OK;
}

static mote_status measure_arithmetic(mote_device *device, buffer *sums, ceilings *out, mote_error *error) {
  struct measure_arithmetic_parameters push = {.factor = 0.999f, .term = 0.001f};
  dispatch d = {.label = "arithmetic",
                .bindings = {{sums, 0, 4 * INVOCATIONS}},
                .binding_count = 1,
                .push = &push,
                .push_bytes = sizeof push,
                .groups = {INVOCATIONS / PLAIN_LOCAL_SIZE, 1, 1}};
  double seconds = 0;
  TRY(pipeline_get(device, "measure_arithmetic", NULL, 0, &d.pipeline, error));
  TRY(time_rounds(device, d, &push.rounds, out->submission, &seconds, error));
  double chains = 4.0 * ARITHMETIC_VECTORS * INVOCATIONS;
  out->flops = 2 * chains * ARITHMETIC_UNROLLED * push.rounds / seconds;
  return MOTE_OK;
}

static mote_status measure_matrices(mote_device *device, buffer *ends, ceilings *out, mote_error *error) {
  const device_caps *caps = device_get_caps(device);
  if (!caps->cooperative) return MOTE_OK;
  struct measure_matrix_parameters push = {.value = 0.01f};
  uint wave = caps->subgroup_size, local = MATRIX_WAVES * wave;
  if (local > caps->max_invocations) local = wave;
  const uint32_t spec[] = {[MEASURE_MATRIX_LOCAL] = local, [MEASURE_MATRIX_WAVE] = wave};
  dispatch d = {.label = "matrices",
                .bindings = {{ends, 0, 16 * INVOCATIONS}},
                .binding_count = 1,
                .push = &push,
                .push_bytes = sizeof push,
                .groups = {INVOCATIONS / local, 1, 1}};
  double seconds = 0;
  TRY(pipeline_get(device, "measure_matrix_cooperative", spec, 2, &d.pipeline, error));
  TRY(time_rounds(device, d, &push.rounds, out->submission, &seconds, error));
  double chains = (double)MEASURE_MATRIX_SUMS * (d.groups[0] * (local / wave)), product = 2.0 * 16 * 16 * 16;
  out->matrix_flops = product * chains * MEASURE_MATRIX_UNROLLED * push.rounds / seconds;
  return MOTE_OK;
}

static mote_status copy_dispatch(mote_device *device, buffer *const buffers[2], size_t bytes,
                                 const struct measure_copy_parameters *push, dispatch *out, mote_error *error) {
  *out = (dispatch){.label = "copy",
                    .bindings = {{buffers[0], 0, bytes}, {buffers[1], 0, bytes}},
                    .binding_count = 2,
                    .push = push,
                    .push_bytes = sizeof *push};
  out->groups[2] = 1;
  spread(push->quads, PLAIN_LOCAL_SIZE, out->groups);
  return pipeline_get(device, "measure_copy", NULL, 0, &out->pipeline, error);
}

static mote_status measure_small(mote_device *device, buffer *const buffers[2], size_t bytes, ceilings *out,
                                 mote_error *error) {
  const struct measure_copy_parameters push = {.quads = PLAIN_LOCAL_SIZE};
  dispatch d;
  double many;
  TRY(copy_dispatch(device, buffers, bytes, &push, &d, error));
  TRY(time_dispatches(device, d, 1, &out->submission, error));
  TRY(time_dispatches(device, d, DISPATCHES, &many, error));
  out->dispatch = many > out->submission ? (many - out->submission) / (DISPATCHES - 1) : many / DISPATCHES;
  return MOTE_OK;
}

static mote_status measure_copies(mote_device *device, buffer *const buffers[2], size_t bytes, ceilings *out,
                                  mote_error *error) {
  const struct measure_copy_parameters push = {.quads = (uint)(bytes / 16)};
  dispatch d;
  double seconds, times[REPEATS];
  TRY(copy_dispatch(device, buffers, bytes, &push, &d, error));
  TRY(time_dispatches(device, d, COPIES, &seconds, error));
  for (int i = -1; i < REPEATS; i++) {
    double begin = clock_nanoseconds();
    TRY(buffer_copy(buffers[0], buffers[1], bytes, COPIES, error));
    times[i < 0 ? 0 : i] = (clock_nanoseconds() - begin) / 1e9;
  }
  // CPU drivers copy much faster by command than by kernel; elsewhere either may win.
  double by_command = median(times, REPEATS);
  if (by_command < seconds) seconds = by_command;
  out->bandwidth = COPIES * 2 * (double)bytes / (seconds > out->submission ? seconds - out->submission : seconds);
  return MOTE_OK;
}

static mote_status measure_on(mote_device *device, size_t bytes, bool all, ceilings *out, mote_error *error) {
  *out = (ceilings){0};
  buffer *buffers[2] = {NULL, NULL};
  void *zeros = calloc(1, bytes);
  mote_status status = zeros ? MOTE_OK : fail(error, MOTE_ERROR_MEMORY, "out of memory");
  for (int i = 0; i < 2 && !status; i++) {
    status = buffer_create(device, bytes, i ? "copy to" : "copy from", &buffers[i], error);
    if (!status) status = buffer_upload(buffers[i], 0, zeros, bytes, error);
  }
  free(zeros);
  if (!status) status = measure_small(device, buffers, bytes, out, error);
  if (!status && all) status = measure_copies(device, buffers, bytes, out, error);
  if (!status && all) status = measure_arithmetic(device, buffers[0], out, error);
  if (!status && all) status = measure_matrices(device, buffers[0], out, error);
  buffer_destroy(&buffers[0]);
  buffer_destroy(&buffers[1]);
  return status;
}

mote_status ceilings_measure(mote_device *device, ceilings *out, mote_error *error) {
  size_t most = device_get_caps(device)->max_binding_bytes / 16 * 16;
  return measure_on(device, most < COPY_BYTES ? most : COPY_BYTES, true, out, error);
}

mote_status ceilings_measure_submission(mote_device *device, ceilings *out, mote_error *error) {
  return measure_on(device, 16 * PLAIN_LOCAL_SIZE, false, out, error);
}
