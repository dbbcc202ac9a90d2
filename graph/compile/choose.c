// choose.c: times candidates of a launch, and compares what they make.
#include "graph/compile/choose.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "graph/compile/record.h"
#include "runtime/hash.h"
#include "runtime/tuning.h"

// The tuning of one program ends after so long with MOTE_TUNE_FAST. A candidate runs for about RUN_SECONDS, ROUNDS times, the least
// counts, and must be faster than the first by a margin, or noise would decide.
#define FAST_SECONDS 4.0
#define RUN_SECONDS 0.003
#define MARGIN 0.97
#define TOLERANCE 1e-5  // of ‖a - b‖ / ‖b‖
enum { ROUNDS = 3, MOST_REPEATS = 64, FILL_FLOATS = 1 << 16, SENTINEL = 0xA5 };

// Where candidates are tried: `arena` has room for the tensors of one launch.
typedef struct trial {
  mote_device *device;
  buffer *arena;
  double deadline;        // by seconds_now
  void *wanted, *found;   // what the first candidate made, and what another did
  size_t made_bytes;
} trial;

static double seconds_now(void) { return clock_nanoseconds() / 1e9; }

// ---------------------------------------------------------------------------------------------------------------------
// Candidates

// What the candidates of a launch are, wherever their tensors lie.
static uint64_t hash_choices(const launch_entry *entry) {
  uint64_t hash = HASH_START;
  const launch *first = entry->choices;
  for (uint32_t word = 0; word < first->push_bytes / 4; word++)
    if (!(first->push_places >> word & 1)) hash = hash_bytes(hash, entry->push + 4 * (size_t)word, 4);
  for (uint32_t b = 0; b < first->binding_count; b++) {
    const shape bound = first->bindings[b] ? first->bindings[b]->shape : (shape){0};
    hash = hash_bytes(hash, &bound, sizeof bound);
  }
  for (int i = 0; i < entry->choice_count; i++) {
    const launch *choice = &entry->choices[i];
    hash = hash_bytes(hash, choice->shader, strlen(choice->shader));
    hash = hash_bytes(hash, choice->spec, choice->spec_count * sizeof *choice->spec);
    hash = hash_bytes(hash, choice->groups, sizeof choice->groups);
  }
  return hash;
}

static void end_choice(launch_entry *entry, int choice) {
  entry->launch = entry->choices[choice];
  free(entry->choices);
  entry->choices = NULL;
}

// Leaves those candidates that may be compared: none where the device does not tune, or knows the answer already.
static void narrow(const mote_device *device, launch_entry *entry) {
  mote_tune tune = device_tunes(device);
  if (!entry->choices) return;
  if (tune != MOTE_TUNE_FULL) entry->choice_count = entry->exact_count;
  if (tune == MOTE_TUNE_OFF || device_get_caps(device)->separate_buffers || entry->choice_count < 2) {
    end_choice(entry, 0);
    return;
  }
  entry->key = hash_choices(entry);
  int known = tuning_find(device, entry->key);
  if (known >= 0) end_choice(entry, known < entry->choice_count ? known : 0);
}

// ---------------------------------------------------------------------------------------------------------------------
// Memory

static const tensor *owner(const tensor *tensor) { return tensor->view_of ? tensor->view_of : tensor; }

// Puts what a launch binds one after the other into `arena`, views where they lie in what they are parts of. Returns the bytes.
static size_t lay_out(const launch *launch, buffer *arena, size_t alignment, binding homes[MAX_BINDINGS]) {
  size_t begins[MAX_BINDINGS], end = 0;
  for (uint32_t i = 0; i < launch->binding_count; i++) {
    const tensor *bound = launch->bindings[i];
    if (!bound) continue;
    begins[i] = end;
    for (uint32_t k = 0; k < i && begins[i] == end; k++)
      if (launch->bindings[k] && owner(launch->bindings[k]) == owner(bound)) begins[i] = begins[k];
    if (begins[i] == end) end += (tensor_bytes(owner(bound)) + 15) / 16 * 16;
    end = (end + alignment - 1) / alignment * alignment;
    homes[i] = (binding){arena, begins[i] + bound->view_offset, (tensor_bytes(bound) + 15) / 16 * 16};
  }
  return end;
}

static size_t most_bytes(const mote_device *device, const launches *lists, int count) {
  size_t most = 0;
  binding homes[MAX_BINDINGS];
  for (int list = 0; list < count; list++)
    for (int i = 0; i < lists[list].count; i++) {
      const launch_entry *entry = &lists[list].entries[i];
      if (!entry->choices) continue;
      size_t bytes = lay_out(&entry->launch, NULL, device_get_caps(device)->alignment, homes);
      if (bytes > most) most = bytes;
    }
  return most;
}

// Numbers of a usual size everywhere: what lies there by chance could be slow to compute with.
static mote_status fill(buffer *arena, mote_error *error) {
  float *numbers = malloc(FILL_FLOATS * sizeof *numbers);
  if (!numbers) return fail(error, MOTE_ERROR_MEMORY, "out of memory");
  for (uint32_t i = 0; i < FILL_FLOATS; i++) numbers[i] = (float)((int32_t)(i * 2654435761u) >> 8) / 8388608.0f;
  mote_status status = MOTE_OK;
  for (size_t at = 0; at < buffer_bytes(arena) && !status; at += FILL_FLOATS * sizeof *numbers) {
    size_t left = buffer_bytes(arena) - at, most = FILL_FLOATS * sizeof *numbers;
    status = buffer_upload(arena, at, numbers, left < most ? left : most, error);
  }
  free(numbers);
  return status;
}

// ---------------------------------------------------------------------------------------------------------------------
// Measuring

static mote_status record(const trial *t, const launch_entry *entry, const binding *homes, commands **out, mote_error *error) {
  TRY(commands_create(t->device, "tuning", false, out, error));
  mote_status status = record_launch(t->device, *out, entry, homes, error);
  if (!status) status = commands_finish(*out, error);
  if (status) commands_destroy(out);
  return status;
}

// Seconds of one dispatch, and what it makes.
static mote_status try_one(const trial *t, launch_entry *entry, int choice, void *made, double *seconds, mote_error *error) {
  commands *commands = NULL;
  binding homes[MAX_BINDINGS];
  entry->launch = entry->choices[choice];
  lay_out(&entry->launch, t->arena, device_get_caps(t->device)->alignment, homes);
  const binding *out = &homes[entry->launch.binding_count - 1];
  memset(made, SENTINEL, t->made_bytes);
  TRY(buffer_upload(t->arena, out->offset, made, t->made_bytes, error));
  TRY(record(t, entry, homes, &commands, error));
  mote_status status = commands_run(commands, 1, error);  // compiles what is not compiled yet
  if (!status) status = buffer_download(t->arena, out->offset, made, t->made_bytes, error);
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
static bool agrees(const trial *t, bool bits) {
  if (!memcmp(t->wanted, t->found, t->made_bytes)) return true;
  if (bits) return false;
  const float *wanted = t->wanted, *found = t->found;
  double difference = 0, norm = 0;
  for (size_t i = 0; i < t->made_bytes / sizeof *wanted; i++) {
    difference += ((double)wanted[i] - found[i]) * ((double)wanted[i] - found[i]);
    norm += (double)wanted[i] * wanted[i];
  }
  return difference <= TOLERANCE * TOLERANCE * norm;
}

// `*best` is -1 if time was up before all were tried.
static mote_status compare(const trial *t, launch_entry *entry, int *best, mote_error *error) {
  double first, least;
  *best = 0;
  TRY(try_one(t, entry, 0, t->wanted, &first, error));
  least = MARGIN * first;
  for (int choice = 1; choice < entry->choice_count; choice++) {
    double seconds;
    if (seconds_now() > t->deadline) {
      *best = -1;
      return MOTE_OK;
    }
    TRY(try_one(t, entry, choice, t->found, &seconds, error));
    if (seconds >= least || !agrees(t, device_tunes(t->device) == MOTE_TUNE_FAST)) continue;
    least = seconds;
    *best = choice;
  }
  return MOTE_OK;
}

// The best candidate by measuring, or -1.
static mote_status measure(trial *t, launch_entry *entry, int *choice, mote_error *error) {
  const launch *launch = &entry->launch;
  t->made_bytes = tensor_bytes(launch->bindings[launch->binding_count - 1]);
  t->wanted = malloc(t->made_bytes);
  t->found = malloc(t->made_bytes);
  mote_status status = t->wanted && t->found ? compare(t, entry, choice, error) : fail(error, MOTE_ERROR_MEMORY, "out of memory");
  free(t->wanted);
  free(t->found);
  return status;
}

static mote_status choose_one(trial *t, launch_entry *entry, mote_error *error) {
  int choice = tuning_find(t->device, entry->key);  // the same work may have come before
  bool known = choice >= 0;
  if (!known) TRY(measure(t, entry, &choice, error));
  end_choice(entry, choice < 0 ? 0 : choice);
  if (known || choice < 0) return MOTE_OK;
  char about[160];
  const node *node = entry->node;
  const tensor *made = node->output_count ? node->outputs[0] : node->inputs[0];
  snprintf(about, sizeof about, "%s %s %.40s", entry->launch.shader, shape_format(made->shape).text, node->label);
  return tuning_keep(t->device, entry->key, choice, about, error);
}

static mote_status measure_all(trial *t, launches *lists, int count, mote_error *error) {
  TRY(fill(t->arena, error));
  for (int list = 0; list < count; list++)
    for (int i = 0; i < lists[list].count && seconds_now() <= t->deadline; i++)
      if (lists[list].entries[i].choices) TRY(choose_one(t, &lists[list].entries[i], error));
  return MOTE_OK;
}

mote_status choose(mote_device *device, launches *lists, int count, bool measure, mote_error *error) {
  bool fast = device_tunes(device) == MOTE_TUNE_FAST;
  trial t = {.device = device, .deadline = fast ? seconds_now() + FAST_SECONDS : INFINITY};
  for (int list = 0; list < count; list++)
    for (int i = 0; i < lists[list].count; i++) narrow(device, &lists[list].entries[i]);
  size_t bytes = measure ? most_bytes(device, lists, count) : 0;
  mote_status status = MOTE_OK;
  if (bytes) status = buffer_create(device, bytes, "tuning", &t.arena, error);
  if (bytes && !status) status = measure_all(&t, lists, count, error);
  buffer_destroy(&t.arena);
  for (int list = 0; list < count; list++)
    for (int i = 0; i < lists[list].count; i++)
      if (lists[list].entries[i].choices) end_choice(&lists[list].entries[i], 0);
  return status;
}
