// fuzz_state.c: whatever the bytes, a training state is refused with a message or holds only numbers that can be trained on.
//
// The smallest state has 100 KB of numbers: inputs are a file's beginning, and zeros follow.
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "graph/diffusion/trainer.h"
#include "runtime/vulkan.h"
#include "shaders/train_state.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static void check(bool condition) {
  if (!condition) abort();
}

// What reading asks of a trainer; no device is opened.
static const mote_trainer *reader(void) {
  static mote_device device;
  static mote_trainer trainer;
  if (trainer.parameters.list) return &trainer;
  device.caps.alignment = 16;
  trainer.device = &device;
  trainer.desc.lr_schedule = MOTE_LR_COSINE;
  trainer.info = (mote_model_info){
      .architecture = "context_unet", .channels = 1, .height = 4, .n_feat = 8, .n_cfeat = 1, .timesteps = 10};
  check(!parameters_create(&device, &trainer.info, &trainer.parameters, NULL));
  return &trainer;
}

static void read_state(const mote_trainer *trainer, const safetensors *st) {
  mote_error error = {0};
  uint32_t words[TRAIN_WORDS];
  const size_t count = trainer->parameters.bytes / 4;
  float *values = calloc(FLAT_COUNT * count, sizeof *values);
  check(values != NULL);
  mote_status status = trainer_check_state(trainer, st, "fuzz", &error);
  if (!status) status = trainer_read_state(trainer, st, "fuzz", words, values, &error);
  check(status == error.status && !status == !error.message[0]);
  for (size_t i = 0; i < FLAT_COUNT * count && !status; i++) check(isfinite(values[i]));
  if (!status) check(words[TRAIN_TOTAL_STEPS] > 0 && words[TRAIN_ARRIVED] == 0);
  free(values);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes) {
  const mote_trainer *trainer = reader();
  const size_t numbers = 4 * trainer->parameters.bytes + 8 * TRAIN_WORDS;
  uint64_t header_bytes = 0;
  if (bytes >= 8) memcpy(&header_bytes, data, 8);
  const bool padded = header_bytes <= 65536 && bytes >= 8 + header_bytes;
  const size_t room = padded ? 8 + (size_t)header_bytes + numbers : bytes;
  uint8_t *file = calloc(1, room + 1);
  check(file != NULL);
  memcpy(file, data, bytes < room ? bytes : room);
  safetensors *st = NULL;
  if (!safetensors_parse("fuzz", file, room, &st, NULL)) read_state(trainer, st);
  safetensors_destroy(&st);
  free(file);
  return 0;
}
