// trainer_record.c: training steps in a host's command buffers, and their losses without a wait.
#include <string.h>

#include "graph/diffusion/trainer.h"
#include "runtime/record.h"
#include "shaders/train_state.h"

enum { STATE_BYTES = 4 * TRAIN_WORDS, RING_BYTES = 4 * TRAIN_RING };

mote_status trainer_prepare_recording(mote_trainer *trainer, mote_error *error) {
  return buffer_create_mapped(trainer->device, STATE_BYTES + RING_BYTES, "losses", &trainer->readback, error);
}

mote_status trainer_measure_recording(const mote_trainer *trainer, uint64_t *bytes, mote_error *error) {
  *bytes = 0;
  return trainer->desc.recorded ? buffer_measure(trainer->device, STATE_BYTES + RING_BYTES, bytes, error) : MOTE_OK;
}

static mote_status check_recorded(const mote_trainer *trainer, mote_error *error) {
  if (trainer->readback) return MOTE_OK;
  return fail(error, MOTE_ERROR_USAGE, "the trainer was made without mote_trainer_desc.recorded");
}

mote_status mote_trainer_record(mote_trainer *trainer, VkCommandBuffer commands, int step_count, mote_error *error) {
  ENTER(error, trainer, commands);
  TRY(check_recorded(trainer, error));
  if (step_count < 1 || step_count > TRAIN_RING)
    return fail(error, MOTE_ERROR_USAGE, "%d steps asked for, expected 1 to %d", step_count, TRAIN_RING);
  mote_device *device = trainer->device;
  record_order(device, commands, RECORD_COMPUTE | RECORD_TRANSFER, RECORD_COMPUTE);
  const sequence step = trainer_step(trainer);
  for (int i = 0; i < step_count * step.count; i++)
    commands_record(program_commands(trainer->program, step.stages[i % step.count]), commands);
  record_order(device, commands, RECORD_COMPUTE, RECORD_TRANSFER);
  const binding *state = &trainer->state->home, *ring = &trainer->ring->home;
  record_copy(state->buffer, state->offset, trainer->readback, 0, STATE_BYTES, commands);
  record_copy(ring->buffer, ring->offset, trainer->readback, STATE_BYTES, RING_BYTES, commands);
  record_order(device, commands, RECORD_TRANSFER, RECORD_HOST | RECORD_COMPUTE | RECORD_TRANSFER);
  return MOTE_OK;
}

mote_status mote_trainer_collect(mote_trainer *trainer, float *losses, uint32_t capacity, uint32_t *count,
                                 mote_error *error) {
  ENTER(error, trainer, count);
  *count = 0;
  TRY(check_recorded(trainer, error));
  const unsigned char *memory = buffer_mapped(trainer->readback);
  uint32_t state[TRAIN_WORDS];
  memcpy(state, memory, sizeof state);
  uint64_t steps = state[TRAIN_STEPS], first = trainer->collected;
  if (steps <= first) return trainer_check_failed(state[TRAIN_FAILED], error);
  uint64_t most = capacity && capacity < TRAIN_RING ? capacity : TRAIN_RING;
  if (steps - first > most) first = steps - most;
  for (uint64_t i = first; i < steps && losses; i++)
    memcpy(&losses[i - first], memory + STATE_BYTES + 4 * (i % TRAIN_RING), sizeof *losses);
  *count = (uint32_t)(steps - first);
  trainer->steps_done = trainer->collected = steps;
  return trainer_check_failed(state[TRAIN_FAILED], error);
}
