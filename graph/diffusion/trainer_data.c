// trainer_data.c: the images that a trainer learns from: all on the device, or on the host, from where those that are drawn next are
// copied to places on the device ahead of the submission that reads them. The same are drawn, in the same order, either way.
#include <stdlib.h>
#include <string.h>

#include "graph/diffusion/objective.h"
#include "graph/diffusion/trainer.h"
#include "graph/nets/network.h"
#include "shaders/permutation.h"

// Places for about so many bytes of images, but for one batch at least.
#define SLOTS_BYTES ((uint64_t)8 << 20)

uint64_t trainer_data_bytes(const mote_trainer *trainer, uint64_t images) {
  return images * (network_image_size(&trainer->info) + (uint64_t)network_context_count(&trainer->info) * sizeof(float));
}

uint32_t trainer_slots(const mote_trainer *trainer) {
  const uint64_t all = trainer_data_bytes(trainer, trainer->desc.data.count), each = trainer_data_bytes(trainer, 1);
  const uint64_t binds = device_get_caps(trainer->device)->max_binding_bytes, most = all / 4 < SLOTS_BYTES ? all / 4 : SLOTS_BYTES;
  uint32_t slots = 1;
  while (slots < (uint32_t)trainer->desc.batch) slots *= 2;
  while (2 * slots * each <= most && 2 * slots * each <= binds) slots *= 2;
  return slots;
}

static size_t pixels_bytes(const mote_trainer *trainer) {
  const uint32_t count = trainer->drawn.slots ? trainer->drawn.slots : trainer->desc.data.count;
  return ((size_t)count * network_image_size(&trainer->info) + 3) / 4 * 4;
}

static size_t contexts_bytes(const mote_trainer *trainer) {
  return (size_t)trainer->drawn.slots * (size_t)network_context_count(&trainer->info) * sizeof(float);
}

static tensor *add_table(const mote_trainer *trainer, graph *graph, const char *name, shape shape, buffer *buffer, size_t bytes) {
  if (!trainer->drawn.slots) return graph_input(graph, name, shape, ROLE_TABLE);
  return graph_external(graph, name, shape, ROLE_TABLE, (binding){buffer, 0, bytes});
}

void trainer_add_data(mote_trainer *trainer, graph *graph) {
  const uint32_t count = trainer->drawn.slots ? trainer->drawn.slots : trainer->desc.data.count;
  const shape pixels = {1, (int)(pixels_bytes(trainer) / 4), 1, 1};
  const shape contexts = {(int)count, network_context_count(&trainer->info), 1, 1};
  trainer->pixels = add_table(trainer, graph, "pixels", pixels, trainer->drawn.pixels, pixels_bytes(trainer));
  trainer->contexts = add_table(trainer, graph, "contexts", contexts, trainer->drawn.contexts, contexts_bytes(trainer));
}

mote_status trainer_create_slots(mote_trainer *trainer, mote_error *error) {
  if (!trainer->drawn.slots) return MOTE_OK;
  TRY(buffer_create_mapped(trainer->device, pixels_bytes(trainer), "images drawn next", &trainer->drawn.pixels, error));
  TRY(buffer_create_mapped(trainer->device, contexts_bytes(trainer), "contexts drawn next", &trainer->drawn.contexts, error));
  trainer->drawn.stages = calloc(2 * (size_t)trainer->drawn.slots, sizeof *trainer->drawn.stages);
  return trainer->drawn.stages ? MOTE_OK : fail(error, MOTE_ERROR_MEMORY, "out of memory");
}

mote_status trainer_measure_slots(const mote_trainer *trainer, program_needs *needs, mote_error *error) {
  const size_t bytes[] = {pixels_bytes(trainer), contexts_bytes(trainer)};
  for (int i = 0; i < 2 && trainer->drawn.slots; i++) {
    uint64_t allocated;
    TRY(buffer_measure(trainer->device, bytes[i], &allocated, error));
    needs->memory_bytes += allocated;
    needs->allocations++;
  }
  return MOTE_OK;
}

void trainer_release_data(mote_trainer *trainer) {
  buffer_destroy(&trainer->drawn.pixels);
  buffer_destroy(&trainer->drawn.contexts);
  free(trainer->drawn.stages);
  free(trainer->drawn.copy);
  free(trainer->drawn.all_contexts);
}

void trainer_copy_contexts(const mote_trainer *trainer, const mote_dataset *data, float *contexts) {
  size_t classes = (size_t)network_context_count(&trainer->info);
  for (size_t i = 0; data->context && i < data->count * classes; i++)
    contexts[i] = data->context[i] * trainer->context_weights[i % classes];
}

// Those that the host keeps need no place in the device's memory, and no copy where the caller's stay.
static mote_status keep_on_host(mote_trainer *trainer, const mote_dataset *data, float *contexts, mote_error *error) {
  const size_t bytes = (size_t)data->count * network_image_size(&trainer->info);
  trainer->drawn.all_contexts = contexts;
  trainer->drawn.images = data->pixels;
  if (trainer->desc.data_stays) return MOTE_OK;
  trainer->drawn.images = trainer->drawn.copy = malloc(bytes);
  if (!trainer->drawn.copy) return fail(error, MOTE_ERROR_MEMORY, "no memory on the host for %u images", (unsigned)data->count);
  memcpy(trainer->drawn.copy, data->pixels, bytes);
  return MOTE_OK;
}

static mote_status put_on_device(mote_trainer *trainer, const mote_dataset *data, const float *contexts, mote_error *error) {
  const size_t bytes = (size_t)data->count * network_image_size(&trainer->info);
  uint8_t *padded = calloc(1, bytes + 4);
  if (!padded) return fail(error, MOTE_ERROR_MEMORY, "out of memory");
  memcpy(padded, data->pixels, bytes);
  mote_status status = program_write(trainer->program, trainer->pixels, padded, error);
  free(padded);
  return status ? status : program_write(trainer->program, trainer->contexts, contexts, error);
}

mote_status trainer_write_data(mote_trainer *trainer, const mote_dataset *data, mote_error *error) {
  const int classes = network_context_count(&trainer->info);
  float *contexts = calloc((size_t)data->count * (size_t)classes, sizeof *contexts);
  if (!contexts) return fail(error, MOTE_ERROR_MEMORY, "out of memory");
  for (int k = 0; k < classes; k++) trainer->context_weights[k] = 1;
  if (trainer->objective->weigh) trainer->objective->weigh(trainer, data, trainer->context_weights);
  trainer_copy_contexts(trainer, data, contexts);
  if (trainer->drawn.slots) return keep_on_host(trainer, data, contexts, error);
  mote_status status = put_on_device(trainer, data, contexts, error);
  free(contexts);
  return status;
}

// ---------------------------------------------------------------------------------------------------------------------
// Running

// Puts the images of `count` draws from `first` on into their places, as draw_batch.comp takes them.
static mote_status put_drawn(mote_trainer *trainer, uint32_t first, uint32_t count, mote_error *error) {
  const size_t each = network_image_size(&trainer->info), classes = (size_t)network_context_count(&trainer->info);
  const uint64_t seed = trainer->desc.seed;
  for (uint32_t i = 0; i < count; i++) {
    const uint32_t draw = first + i;
    const size_t image = image_of_draw(draw, trainer->desc.data.count, (uint32_t)seed, (uint32_t)(seed >> 32)),
                 slot = draw % trainer->drawn.slots;
    TRY(buffer_upload(trainer->drawn.pixels, slot * each, trainer->drawn.images + image * each, each, error));
    TRY(buffer_upload(trainer->drawn.contexts, slot * classes * sizeof(float), trainer->drawn.all_contexts + image * classes,
                      classes * sizeof(float), error));
  }
  return MOTE_OK;
}

// How many batches the next submission has, after `done` of `total`: whole steps, or as much of one as there are places for. So
// a step that fails is repeated, to the end of the submission, from the images that are there.
static uint32_t next_batches(const mote_trainer *trainer, uint64_t done, uint64_t total) {
  const uint32_t batches = (uint32_t)trainer->desc.accumulate, places = trainer->drawn.slots / (uint32_t)trainer->desc.batch;
  const uint64_t left = places >= batches ? total - done : batches - done % batches;
  const uint32_t most = places >= batches ? places / batches * batches : places;
  return left < most ? (uint32_t)left : most;
}

mote_status trainer_run_steps(mote_trainer *trainer, uint32_t step_count, mote_error *error) {
  if (!trainer->drawn.slots) return program_run(trainer->program, trainer_step(trainer), step_count, error);
  const uint32_t batches = (uint32_t)trainer->desc.accumulate;
  const uint64_t total = (uint64_t)step_count * batches, before = trainer->steps_done * batches;
  uint32_t state[TRAIN_WORDS] = {0};
  for (uint64_t done = 0; done < total && !state[TRAIN_FAILED];) {
    const uint32_t count = next_batches(trainer, done, total);
    TRY(put_drawn(trainer, (uint32_t)(before + done) * (uint32_t)trainer->desc.batch, count * (uint32_t)trainer->desc.batch, error));
    sequence stages = {trainer->drawn.stages, 0};
    for (uint32_t i = 0; i < count; i++) {
      trainer->drawn.stages[stages.count++] = STAGE_GRADIENT;
      if (++done % batches == 0) trainer->drawn.stages[stages.count++] = STAGE_UPDATE;
    }
    TRY(program_run(trainer->program, stages, 1, error));
    TRY(program_read(trainer->program, trainer->state, state, error));
  }
  return MOTE_OK;
}
