// trainer_memory.c: what a trainer takes from the device, known before it is made: whether the images lie there or stay on the host,
// and the largest batch where there is too little.
#include <stdio.h>
#include <string.h>

#include "graph/diffusion/sampler.h"
#include "graph/diffusion/trainer.h"
#include "graph/nets/network.h"
#include "graph/ops/ops.h"

// Images that mote_trainer_validate judges at once, where there is room.
enum { VALIDATED_MOST = 64 };

#define MEBIBYTES(bytes) ((double)(bytes) / 1048576)

// One way to make a trainer, and what it takes.
typedef struct way {
  int batch, accumulate;
  bool from_host;   // images
  program_needs needs, later;   // of it, and of what validates and samples beside it
  uint64_t staging_bytes, later_bytes;  // allocated for a moment; and beside all the rest, for good or not
  uint32_t slots;
  int validated, sampled;       // images at once
} way;

static uint64_t whole(const way *w) {
  return w->needs.memory_bytes + (w->staging_bytes > w->later_bytes ? w->staging_bytes : w->later_bytes);
}

static uint64_t larger(uint64_t a, uint64_t b) { return a > b ? a : b; }
static uint64_t allocation_of(const way *w) { return larger(w->needs.allocation_bytes, w->later.allocation_bytes); }
static const program_needs *binder_of(const way *w) { return w->later.binding_bytes > w->needs.binding_bytes ? &w->later : &w->needs; }

static bool fits(const mote_device *device, const way *w) {
  const mote_device_memory memory = mote_device_get_memory(device);
  return whole(w) <= memory.free_bytes && allocation_of(w) <= memory.allocation_bytes &&
         binder_of(w)->binding_bytes <= device_get_caps(device)->max_binding_bytes;
}

// The buffers that are not the program's.
static mote_status measure_buffers(const mote_trainer *trainer, program_needs *needs, mote_error *error) {
  const int level_count = accumulate_level_count(trainer->desc.accumulate);
  uint64_t flat, exchange, readback;
  TRY(buffer_measure(trainer->device, trainer->parameters.bytes, &flat, error));
  TRY(buffer_measure(trainer->device, trainer_exchange_bytes(trainer), &exchange, error));
  TRY(trainer_measure_recording(trainer, &readback, error));
  needs->memory_bytes += (FLAT_COUNT - 1) * flat + (1 + (uint64_t)level_count) * exchange + readback;
  needs->allocations += (uint32_t)(FLAT_COUNT + level_count) + (readback > 0);
  needs->allocation_bytes = larger(needs->allocation_bytes, larger(flat, exchange));
  needs->largest_bytes = larger(needs->largest_bytes, trainer_exchange_bytes(trainer));
  return trainer_measure_slots(trainer, needs, error);
}

// Averaged weights as a model, a sampler of it and a pass through it; the first two stay.
static mote_status measure_later(mote_trainer *trainer, way *w, mote_error *error) {
  program_needs pass = {0};
  uint64_t stay = 0;
  mote_model model = {.device = trainer->device, .info = trainer->info, .parameters = trainer->parameters};
  w->later = (program_needs){0};
  if (w->validated || w->sampled) TRY(buffer_measure(trainer->device, trainer->parameters.bytes, &stay, error));
  if (w->sampled)
    TRY(sampler_measure(&(mote_sampler_desc){.model = &model, .batch = w->sampled, .guidance = 1}, &w->later, error));
  stay += w->later.memory_bytes;
  if (w->validated) TRY(trainer_measure_pass(trainer, w->validated, &pass, error));
  w->later.allocation_bytes = larger(w->later.allocation_bytes, pass.allocation_bytes);
  if (pass.binding_bytes > w->later.binding_bytes) {
    w->later.binding_bytes = pass.binding_bytes;
    memcpy(w->later.binding_name, pass.binding_name, sizeof pass.binding_name);
  }
  const uint64_t staged = larger(w->later.largest_bytes, pass.largest_bytes);
  w->later_bytes = stay + pass.memory_bytes + (device_stages(trainer->device) ? staged : 0);
  return MOTE_OK;
}

// Halves the numbers of images that are judged and sampled at once until there is room.
static mote_status settle_later(mote_trainer *trainer, way *w, mote_error *error) {
  const uint32_t held_out = trainer->desc.validation.count;
  w->validated = held_out < VALIDATED_MOST ? (int)held_out : VALIDATED_MOST;
  w->sampled = trainer->desc.sampled;
  TRY(measure_later(trainer, w, error));
  while (!fits(trainer->device, w) && (w->validated > 1 || w->sampled > 1)) {
    w->validated -= w->validated / 2;
    w->sampled -= w->sampled / 2;
    TRY(measure_later(trainer, w, error));
  }
  return MOTE_OK;
}

static mote_status measure_trainer(mote_trainer *trainer, way *w, mote_error *error) {
  graph *graph;
  if (w->from_host) trainer->drawn.slots = w->slots = trainer_slots(trainer);
  TRY(trainer_make_graph(trainer, &graph, error));
  TRY(program_measure(&(program_desc){.device = trainer->device, .graph = graph, .name = "trainer"}, &w->needs, error));
  TRY(measure_buffers(trainer, &w->needs, error));
  w->staging_bytes = device_stages(trainer->device) ? w->needs.largest_bytes : 0;
  return settle_later(trainer, w, error);
}

static mote_status measure(const mote_trainer_desc *desc, way *w, mote_error *error) {
  mote_trainer trainer = {0};
  mote_trainer_desc other = *desc;
  if (w->batch) other.batch = w->batch, other.accumulate = w->accumulate;
  mote_status status = trainer_describe(&other, &trainer, error);
  if (!status) status = measure_trainer(&trainer, w, error);
  w->batch = trainer.desc.batch;
  w->accumulate = trainer.desc.accumulate;
  parameters_destroy(&trainer.parameters);
  return status;
}

// The way to make what `desc` describes: images on the device if they fit, else on the host.
static mote_status find_way(const mote_trainer_desc *desc, way *w, mote_error *error) {
  way other = {.batch = w->batch, .accumulate = w->accumulate, .from_host = true};
  TRY(measure(desc, w, error));
  if (desc->recorded || fits(desc->device, w)) return MOTE_OK;
  TRY(measure(desc, &other, error));
  if (other.needs.memory_bytes < w->needs.memory_bytes || other.needs.binding_bytes < w->needs.binding_bytes) *w = other;
  return MOTE_OK;
}

// The largest batch for which there is room, with as many of them as make up for it; 0: none.
static mote_status find_largest(const mote_trainer_desc *desc, const way *asked, way *best, mote_error *error) {
  const int images = asked->batch * asked->accumulate;
  best->batch = 0;
  for (int low = 1, high = asked->batch - 1; low <= high;) {
    const int batch = (low + high) / 2, batches = (images + batch - 1) / batch;
    way w = {.batch = batch, .accumulate = batches < TRAINER_MOST_BATCHES ? batches : TRAINER_MOST_BATCHES};
    TRY(find_way(desc, &w, error));
    if (fits(desc->device, &w)) {
      *best = w;
      low = batch + 1;
    } else {
      high = batch - 1;
    }
  }
  return MOTE_OK;
}

// What is larger than the device allows.
static void tell_excess(const mote_device *device, const way *w, char *text, size_t bytes) {
  const mote_device_memory memory = mote_device_get_memory(device);
  const program_needs *binder = binder_of(w);
  const uint64_t binds = device_get_caps(device)->max_binding_bytes;
  if (binder->binding_bytes > binds)
    snprintf(text, bytes, "a batch of %d needs %.1f MiB for %.60s, of which a kernel binds at most %.1f MiB", w->batch,
             MEBIBYTES(binder->binding_bytes), binder->binding_name, MEBIBYTES(binds));
  else if (whole(w) > memory.free_bytes)
    snprintf(text, bytes, "a batch of %d needs %.1f MiB of the device's memory, of which %.1f MiB are free", w->batch,
             MEBIBYTES(whole(w)), MEBIBYTES(memory.free_bytes));
  else
    snprintf(text, bytes, "a batch of %d needs %.1f MiB in one piece, of which the device gives at most %.1f MiB", w->batch,
             MEBIBYTES(allocation_of(w)), MEBIBYTES(memory.allocation_bytes));
}

static mote_status refuse(const mote_trainer_desc *desc, const way *asked, mote_error *error) {
  char excess[240];
  way best = {0};
  tell_excess(desc->device, asked, excess, sizeof excess);
  way other = {.batch = asked->batch, .accumulate = asked->accumulate, .from_host = true};
  if (desc->recorded) TRY(measure(desc, &other, error));
  if (desc->recorded && fits(desc->device, &other))
    return fail(error, MOTE_ERROR_UNSUPPORTED, "%s: all images of a trainer that is recorded lie on the device; fewer of them fit",
                excess);
  TRY(find_largest(desc, asked, &best, error));
  if (!best.batch) return fail(error, MOTE_ERROR_MEMORY, "%s: not even a batch of 1 fits, but a smaller network may", excess);
  const bool makes_up = best.batch * best.accumulate >= asked->batch * asked->accumulate;
  return fail(error, MOTE_ERROR_MEMORY, "%s: at most a batch of %d fits (--batch %d --accumulate %d%s)", excess, best.batch, best.batch,
              best.accumulate, makes_up ? " sees as many images a step" : "");
}

mote_status trainer_find_room(const mote_trainer_desc *desc, mote_trainer *trainer, mote_error *error) {
  way w = {0};
  TRY(find_way(desc, &w, error));
  if (!fits(desc->device, &w)) return refuse(desc, &w, error);
  trainer->drawn.slots = w.slots;
  trainer->validation.at_once = (uint32_t)w.validated;
  trainer->sampled = w.sampled;
  trainer->later_bytes = w.later_bytes;
  return MOTE_OK;
}

mote_status mote_trainer_get_needs(const mote_trainer_desc *desc, mote_needs *needs, mote_error *error) {
  ENTER(error, desc, needs);
  *needs = (mote_needs){0};
  way w = {0};
  TRY(find_way(desc, &w, error));
  *needs = (mote_needs){.memory_bytes = w.needs.memory_bytes,
                        .allocations = w.needs.allocations,
                        .pipelines = w.needs.kernels,
                        .staging_bytes = w.staging_bytes,
                        .later_bytes = w.later_bytes};
  return MOTE_OK;
}
