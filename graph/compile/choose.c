// choose.c: times the ways of doing a node, and compares what they make.
#include "graph/compile/choose.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "graph/compile/arena.h"
#include "graph/compile/record.h"
#include "runtime/hash.h"
#include "runtime/tuning.h"

// The tuning of one program ends after so long with MOTE_TUNE_FAST. A way runs for about RUN_SECONDS, ROUNDS times, the least
// counts, and must be faster than the first by a margin, or noise would decide.
#define FAST_SECONDS 4.0
#define RUN_SECONDS 0.003
#define MARGIN 0.97
// Of ‖a - b‖ / ‖b‖: of kernels that keep to single precision, and where those of half precision are among them.
#define TOLERANCE 1e-5
#define HALF_TOLERANCE 3e-3
enum { ROUNDS = 3, MOST_REPEATS = 64, SENTINEL = 0xA5, MOST_MADE = MAX_INPUTS + MAX_OUTPUTS };

// One node and the ways of doing it.
typedef struct trial {
  arena arena;
  graph *graph;
  bool measure;
  double deadline;          // by seconds_now
  const node *node;
  way ways[MOST_WAYS];
  launches lists[MOST_WAYS];  // of each way,
  launches prepare[MOST_WAYS];  // and what they find ready: no part of the time that is measured
  int count;
  tensor *made[MOST_MADE];  // what the node makes, and what it writes in place
  int made_count;
  unsigned char *wanted, *found;  // what the first way made of it, and what another did
} trial;

static double seconds_now(void) { return clock_nanoseconds() / 1e9; }

// ---------------------------------------------------------------------------------------------------------------------
// Ways

static mote_status append_ways(trial *t, mote_error *error) {
  for (int i = 0; i < t->count; i++) {
    t->prepare[i] = (launches){.graph = t->graph, .caps = t->graph->caps, .train = t->graph->train};
    t->lists[i] = t->prepare[i];
    if (t->node->stage != STAGE_PREPARE) t->lists[i].prepare = &t->prepare[i];
    TRY(kernel_launch(&t->lists[i], t->node, &t->ways[i], error));
  }
  return MOTE_OK;
}

static uint64_t hash_launch(uint64_t hash, const launch_entry *entry) {
  const launch *launch = &entry->launch;
  hash = hash_bytes(hash, launch->shader, strlen(launch->shader));
  hash = hash_bytes(hash, launch->spec, launch->spec_count * sizeof *launch->spec);
  hash = hash_bytes(hash, launch->groups, sizeof launch->groups);
  for (uint32_t word = 0; word < launch->push_bytes / 4; word++)
    if (!(launch->push_places >> word & 1)) hash = hash_bytes(hash, entry->push + 4 * (size_t)word, 4);
  for (uint32_t b = 0; b < launch->binding_count; b++) {
    const shape bound = launch->bindings[b] ? launch->bindings[b]->shape : (shape){0};
    hash = hash_bytes(hash, &bound, sizeof bound);
  }
  return hash;
}

// What there is to choose among, wherever its tensors lie.
static uint64_t hash_ways(const trial *t) {
  uint64_t hash = HASH_START;
  for (int i = 0; i < t->count; i++) {
    hash = hash_bytes(hash, t->ways[i].kernel->name, strlen(t->ways[i].kernel->name) + 1);
    for (const launches *list = &t->lists[i]; list; list = list->prepare)
      for (int k = 0; k < list->count; k++) hash = hash_launch(hash, &list->entries[k]);
  }
  return hash;
}

// ---------------------------------------------------------------------------------------------------------------------
// Measuring

static void find_made(trial *t) {
  t->made_count = 0;
  for (int i = 0; i < t->node->output_count; i++) t->made[t->made_count++] = t->node->outputs[i];
  for (int i = 0; i < t->node->input_count; i++)
    if ((t->node->writes >> i & 1) && t->node->inputs[i]) t->made[t->made_count++] = t->node->inputs[i];
}

static size_t made_bytes(const trial *t) {
  size_t bytes = 0;
  for (int i = 0; i < t->made_count; i++) bytes += tensor_bytes(t->made[i]);
  return bytes;
}

// What a way begins with: its tables, numbers in what it takes, and nothing that it would make in what it makes; `made` has room for
// that.
static mote_status prepare(trial *t, const launches *list, unsigned char *made, mote_error *error) {
  const node *node = t->node;
  TRY(arena_take(&t->arena, node, list, error));
  memset(made, SENTINEL, made_bytes(t));
  for (int i = 0; i < node->output_count; i++) {
    const binding home = arena_home(&t->arena, node->outputs[i]);
    TRY(buffer_upload(home.buffer, home.offset, made, tensor_bytes(node->outputs[i]), error));
  }
  for (int i = 0; i < node->input_count; i++)
    if (node->inputs[i]) TRY(arena_fill(&t->arena, node->inputs[i], error));
  return MOTE_OK;
}

static mote_status record(const trial *t, const launches *list, commands **out, mote_error *error) {
  TRY(commands_create(t->arena.device, "tuning", false, out, error));
  mote_status status = MOTE_OK;
  for (int i = 0; i < list->count && !status; i++) {
    const launch *launch = &list->entries[i].launch;
    binding homes[MAX_BINDINGS] = {0};
    for (uint32_t b = 0; b < launch->binding_count; b++)
      if (launch->bindings[b]) homes[b] = arena_home(&t->arena, launch->bindings[b]);
    status = record_launch(t->arena.device, *out, &list->entries[i], homes, error);
  }
  if (!status) status = commands_finish(*out, error);
  if (status) commands_destroy(out);
  return status;
}

static mote_status download(const trial *t, unsigned char *made, mote_error *error) {
  for (int i = 0; i < t->made_count; made += tensor_bytes(t->made[i++])) {
    const binding home = arena_home(&t->arena, t->made[i]);
    TRY(buffer_download(home.buffer, home.offset, made, tensor_bytes(t->made[i]), error));
  }
  return MOTE_OK;
}

// What `list` makes, if it is not NULL or empty.
static mote_status run_prepared(const trial *t, const launches *list, mote_error *error) {
  commands *commands = NULL;
  if (!list || !list->count) return MOTE_OK;
  TRY(record(t, list, &commands, error));
  mote_status status = commands_run(&commands, 1, 1, error);
  commands_destroy(&commands);
  return status;
}

// Seconds of one run of a list, and what it makes.
static mote_status try_one(trial *t, const launches *list, unsigned char *made, double *seconds, mote_error *error) {
  commands *commands = NULL;
  TRY(prepare(t, list, made, error));
  TRY(run_prepared(t, list->prepare, error));
  TRY(record(t, list, &commands, error));
  mote_status status = commands_run(&commands, 1, 1, error);  // compiles what is not compiled yet
  if (!status) status = download(t, made, error);
  double began = seconds_now();
  if (!status) status = commands_run(&commands, 1, 1, error);
  double once = seconds_now() - began;
  uint32_t repeats = once > 0 && RUN_SECONDS / once < MOST_REPEATS ? (uint32_t)(RUN_SECONDS / once) + 1 : MOST_REPEATS;
  *seconds = INFINITY;
  for (int round = 0; round < ROUNDS && !status; round++) {
    began = seconds_now();
    status = commands_run(&commands, 1, repeats, error);
    *seconds = fmin(*seconds, (seconds_now() - began) / repeats);
  }
  commands_destroy(&commands);
  return status;
}

// Padding included, which every kernel fills with zeros.
static bool agrees(const trial *t, double tolerance) {
  size_t at = 0;
  for (int i = 0; i < t->made_count; at += tensor_bytes(t->made[i++])) {
    const float *wanted = (const void *)(t->wanted + at), *found = (const void *)(t->found + at);
    double difference = 0, norm = 0;
    if (!memcmp(wanted, found, tensor_bytes(t->made[i]))) continue;
    if (tolerance == 0 || t->made[i]->role == ROLE_TABLE || t->made[i]->type == ELEMENT_F16) return false;
    for (size_t k = 0; k < tensor_bytes(t->made[i]) / sizeof *wanted; k++) {
      difference += ((double)wanted[k] - found[k]) * ((double)wanted[k] - found[k]);
      norm += (double)wanted[k] * wanted[k];
    }
    if (!(difference <= tolerance * tolerance * norm)) return false;
  }
  return true;
}

// `*best` is -1 if time was up before all were tried.
static mote_status compare(trial *t, int *best, mote_error *error) {
  double first, least, tolerance = t->ways[0].kernel->half ? HALF_TOLERANCE : TOLERANCE;
  *best = 0;
  TRY(try_one(t, &t->lists[0], t->wanted, &first, error));
  least = MARGIN * first;
  for (int i = 1; i < t->count; i++) {
    double seconds;
    if (seconds_now() > t->deadline) {
      *best = -1;
      return MOTE_OK;
    }
    TRY(try_one(t, &t->lists[i], t->found, &seconds, error));
    if (seconds >= least || !agrees(t, device_tunes(t->arena.device) == MOTE_TUNE_FAST ? 0 : tolerance)) continue;
    least = seconds;
    *best = i;
  }
  return MOTE_OK;
}

// The best way by measuring, or -1.
static mote_status measure(trial *t, int *choice, mote_error *error) {
  find_made(t);
  t->wanted = malloc(made_bytes(t) + 1);
  t->found = malloc(made_bytes(t) + 1);
  mote_status status = t->wanted && t->found ? arena_hold(&t->arena, t->node, t->lists, t->count, error)
                                             : fail(error, MOTE_ERROR_MEMORY, "out of memory");
  if (!status) status = compare(t, choice, error);
  free(t->wanted);
  free(t->found);
  return status;
}

static mote_status keep(const trial *t, uint64_t key, int choice, mote_error *error) {
  char about[160];
  const node *node = t->node;
  const tensor *made = node->output_count ? node->outputs[0] : node->inputs[0];
  snprintf(about, sizeof about, "%s %s %.40s", t->lists[choice].entries[0].launch.shader, shape_format(made->shape).text, node->label);
  return tuning_keep(t->arena.device, key, choice, about, error);
}

// Among several ways; -1: it is not known.
static mote_status choose_way(trial *t, int *choice, mote_error *error) {
  TRY(append_ways(t, error));
  uint64_t key = hash_ways(t);
  *choice = tuning_find(t->arena.device, key);
  if (*choice >= t->count) *choice = 0;
  if (*choice >= 0 || !t->measure || seconds_now() > t->deadline) return MOTE_OK;
  TRY(measure(t, choice, error));
  return *choice < 0 ? MOTE_OK : keep(t, key, *choice, error);
}

static mote_status choose_one(trial *t, kernel_search search, way *chosen, mote_error *error) {
  int choice = 0, tensors = t->graph->tensor_count;
  mote_status status = MOTE_OK;
  t->count = kernel_ways(t->graph->caps, t->node, search, t->ways);
  if (!t->count)
    return fail(error, MOTE_ERROR_UNSUPPORTED, "%s: no kernel of %s takes tensors that are stored so", t->node->label, t->node->op->name);
  for (int i = 0; i < t->count; i++) t->lists[i] = t->prepare[i] = (launches){0};
  if (t->count > 1) status = choose_way(t, &choice, error);
  *chosen = t->ways[choice < 0 ? 0 : choice];
  for (int i = 0; i < t->count; i++) launches_finish(&t->lists[i]), launches_finish(&t->prepare[i]);
  graph_truncate(t->graph, tensors);  // scratch and tables of all ways
  return status;
}

mote_status choose(mote_device *device, graph *graph, bool measure, way *ways, mote_error *error) {
  mote_tune tune = device_tunes(device);
  kernel_search search = tune == MOTE_TUNE_OFF || graph->caps->separate_buffers ? SEARCH_NONE
                         : tune == MOTE_TUNE_FAST                               ? SEARCH_EQUAL
                                                                                : SEARCH_ALL;
  trial *t = calloc(1, sizeof *t);
  if (!t) return fail(error, MOTE_ERROR_MEMORY, "out of memory");
  t->arena.device = device;
  t->graph = graph;
  t->measure = measure;
  t->deadline = tune == MOTE_TUNE_FAST ? seconds_now() + FAST_SECONDS : INFINITY;
  mote_status status = MOTE_OK;
  for (int i = 0; i < graph->node_count && !status; i++) {
    t->node = graph->nodes[i];
    if (!t->node->removed) status = choose_one(t, search, &ways[i], error);
  }
  arena_finish(&t->arena);
  free(t);
  return status;
}
