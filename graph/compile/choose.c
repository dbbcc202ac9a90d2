// choose.c: times candidates of a dispatch, and compares what they make.
#include "graph/compile/choose.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/tuning.h"

// A program's tuning ends after so long with MOTE_TUNE_FAST. A candidate runs for about RUN_SECONDS, ROUNDS times, the least
// counts, and must be faster than the first by a margin, or noise would decide.
#define FAST_SECONDS 4.0
#define RUN_SECONDS 0.003
#define MARGIN 0.97
#define TOLERANCE 1e-5  // of ‖a - b‖ / ‖b‖
enum { ROUNDS = 3, MOST_REPEATS = 64, FILL_FLOATS = 1 << 16, SENTINEL = 0xA5 };

typedef struct work {
  program *program;
  phase phase;
  int index;
  const tensor *made;  // what the dispatch makes
  double deadline;     // by seconds_now
  void *wanted, *found;
} work;

// Numbers of a usual size everywhere: what lies there by chance could be slow to compute with.
static mote_status fill(program *program, mote_error *error) {
  float *numbers = malloc(FILL_FLOATS * sizeof *numbers);
  if (!numbers) return fail(error, MOTE_ERROR_MEMORY, "out of memory");
  for (uint32_t i = 0; i < FILL_FLOATS; i++) numbers[i] = (float)((int32_t)(i * 2654435761u) >> 8) / 8388608.0f;
  mote_status status = MOTE_OK;
  buffer *buffer;
  for (int b = 0; !status && (buffer = program_buffer(program, b)); b++)
    for (size_t at = 0; at < buffer_bytes(buffer) && !status; at += FILL_FLOATS * sizeof *numbers) {
      size_t left = buffer_bytes(buffer) - at, most = FILL_FLOATS * sizeof *numbers;
      status = buffer_upload(buffer, at, numbers, left < most ? left : most, error);
    }
  free(numbers);
  return status;
}

static double seconds_now(void) { return clock_nanoseconds() / 1e9; }

// Seconds of one dispatch, and what it makes.
static mote_status try_one(const work *w, int choice, void *made, double *seconds, mote_error *error) {
  size_t bytes = tensor_bytes(w->made);
  commands *commands = NULL;
  program_choose(w->program, w->phase, w->index, choice);
  memset(made, SENTINEL, bytes);
  TRY(buffer_upload(w->made->home.buffer, w->made->home.offset, made, bytes, error));
  TRY(program_record(w->program, &(program_span){w->phase, w->index, 1, false}, &commands, error));
  mote_status status = commands_run(commands, 1, error);  // compiles what is not compiled yet
  if (!status) status = buffer_download(w->made->home.buffer, w->made->home.offset, made, bytes, error);
  double began = seconds_now();
  if (!status) status = commands_run(commands, 1, error);
  double once = seconds_now() - began;
  uint32_t repeats = once > 0 && RUN_SECONDS / once < MOST_REPEATS ? (uint32_t)(RUN_SECONDS / once) + 1 : MOST_REPEATS;
  *seconds = INFINITY;
  for (int round = 0; round < ROUNDS && !status; round++) {
    began = seconds_now();
    status = commands_run(commands, repeats, error);
    *seconds = fmin(*seconds, (seconds_now() - began) / repeats);
  }
  commands_destroy(&commands);
  return status;
}

// Padding included, which every kernel fills with zeros.
static bool agrees(const work *w, bool bits) {
  size_t bytes = tensor_bytes(w->made);
  if (!memcmp(w->wanted, w->found, bytes)) return true;
  if (bits) return false;
  const float *wanted = w->wanted, *found = w->found;
  double difference = 0, norm = 0;
  for (size_t i = 0; i < bytes / sizeof *wanted; i++) {
    difference += ((double)wanted[i] - found[i]) * ((double)wanted[i] - found[i]);
    norm += (double)wanted[i] * wanted[i];
  }
  return difference <= TOLERANCE * TOLERANCE * norm;
}

// `*best` is -1 if time was up before all were tried.
static mote_status compare(work *w, int *best, mote_error *error) {
  mote_tune mode = device_tunes(program_device(w->program));
  double first, least;
  *best = 0;
  TRY(try_one(w, 0, w->wanted, &first, error));
  least = MARGIN * first;
  for (int choice = 1; choice < program_choice_count(w->program, w->phase, w->index); choice++) {
    double seconds;
    if (seconds_now() > w->deadline) {
      *best = -1;
      return MOTE_OK;
    }
    TRY(try_one(w, choice, w->found, &seconds, error));
    if (seconds >= least || !agrees(w, mode == MOTE_TUNE_FAST)) continue;
    least = seconds;
    *best = choice;
  }
  return MOTE_OK;
}

// The best candidate by measuring, or -1.
static mote_status measure(work *w, int *choice, mote_error *error) {
  const launch *launch = program_get_launch(w->program, w->phase, w->index);
  w->made = launch->bindings[launch->binding_count - 1];
  w->wanted = malloc(tensor_bytes(w->made));
  w->found = malloc(tensor_bytes(w->made));
  mote_status status = w->wanted && w->found ? MOTE_OK : fail(error, MOTE_ERROR_MEMORY, "out of memory");
  if (!status) status = compare(w, choice, error);
  free(w->wanted);
  free(w->found);
  return status;
}

static mote_status tune_one(work *w, mote_error *error) {
  mote_device *device = program_device(w->program);
  uint64_t key = program_choice_key(w->program, w->phase, w->index);
  int choice = tuning_find(device, key);
  bool known = choice >= 0;
  if (!known) TRY(measure(w, &choice, error));
  program_choose(w->program, w->phase, w->index, choice < 0 ? 0 : choice);
  if (known || choice < 0) return MOTE_OK;
  char about[160];
  program_work found = program_get_work(w->program, w->phase, w->index);
  snprintf(about, sizeof about, "%s %s %.40s", found.kernel, shape_format(found.shape).text, found.label);
  return tuning_keep(device, key, choice, about, error);
}

mote_status tune(program *program, mote_error *error) {
  bool filled = false, fast = device_tunes(program_device(program)) == MOTE_TUNE_FAST;
  work w = {.program = program, .deadline = fast ? seconds_now() + FAST_SECONDS : INFINITY};
  for (int phase = 0; phase < PHASE_COUNT; phase++)
    for (int i = 0; i < program_dispatch_count(program, (enum phase)phase); i++) {
      if (program_choice_count(program, (enum phase)phase, i) < 2 || seconds_now() > w.deadline) continue;
      if (!filled) TRY(fill(program, error));
      filled = true;
      w.phase = (enum phase)phase;
      w.index = i;
      TRY(tune_one(&w, error));
    }
  return MOTE_OK;
}
