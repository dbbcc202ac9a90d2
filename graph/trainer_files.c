// trainer_files.c: weights and training state as safetensors files.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "graph/layout.h"
#include "graph/trainer.h"
#include "runtime/file.h"
#include "shaders/train_state.h"

enum { MAX_STATE_BYTES = 1 << 30 };

mote_status mote_trainer_save_weights(mote_trainer *trainer, const char *path, bool half, mote_error *error) {
  const graph *list = trainer->parameters.list;
  size_t count = 0;
  safetensors_tensor *tensors = calloc((size_t)list->tensor_count + 1, sizeof *tensors);
  metadata_pairs *metadata = calloc(1, sizeof *metadata);
  mote_status status = tensors && metadata ? MOTE_OK : fail(error, MOTE_ERROR_MEMORY, "out of memory");
  for (int i = 0; i < list->tensor_count && !status; i++) {
    const tensor *tensor = list->tensors[i];
    if (tensor->kind != TENSOR_PARAMETER) continue;
    float *rows = malloc(tensor_elements(tensor) * sizeof *rows);
    safetensors_tensor *entry = &tensors[count++];
    *entry = (safetensors_tensor){
        .name = tensor->name, .dtype = half ? SAFETENSORS_F16 : SAFETENSORS_F32, .data = rows};
    entry->dim_count = parameter_dims(tensor, entry->dims);
    status = rows ? parameters_read(trainer->flat[FLAT_AVERAGE], tensor, rows, error)
                  : fail(error, MOTE_ERROR_MEMORY, "out of memory");
  }
  if (!status) {
    metadata_describe(&trainer->info, metadata);
    status = safetensors_write(path, tensors, count, metadata->pairs, metadata->count, error);
  }
  for (size_t i = 0; i < count; i++) free((void *)(uintptr_t)tensors[i].data);
  free(tensors);
  free(metadata);
  return status;
}

// ---------------------------------------------------------------------------------------------------------------------
// State: the flat buffers as they lie on the device, and the state words, 16 bits a number so that floats hold them.

static const char *const state_names[FLAT_COUNT] = {"weights", NULL, "first_moment", "second_moment", "average"};

mote_status mote_trainer_save_state(mote_trainer *trainer, const char *path, mote_error *error) {
  size_t bytes = trainer->parameters.bytes, count = 0;
  safetensors_tensor tensors[FLAT_COUNT + 1] = {0};
  uint32_t words[TRAIN_WORDS];
  float halves[2 * TRAIN_WORDS];
  mote_status status = program_read(trainer->program, trainer->state, words, error);
  for (int i = 0; i < TRAIN_WORDS && !status; i++) {
    halves[2 * i] = (float)(words[i] & 0xffff);
    halves[2 * i + 1] = (float)(words[i] >> 16);
  }
  for (int i = 0; i < FLAT_COUNT && !status; i++) {
    if (!state_names[i]) continue;
    float *values = malloc(bytes);
    tensors[count++] = (safetensors_tensor){
        .name = state_names[i], .dtype = SAFETENSORS_F32, .dim_count = 1, .dims = {bytes / 4}, .data = values};
    status = values ? buffer_download(trainer->flat[i], 0, values, bytes, error)
                    : fail(error, MOTE_ERROR_MEMORY, "out of memory");
  }
  size_t owned = count;
  tensors[count++] = (safetensors_tensor){
      .name = "state", .dtype = SAFETENSORS_F32, .dim_count = 1, .dims = {2 * TRAIN_WORDS}, .data = halves};
  metadata_pairs *metadata = calloc(1, sizeof *metadata);
  if (!status && !metadata) status = fail(error, MOTE_ERROR_MEMORY, "out of memory");
  if (!status) {
    metadata_add(metadata, "format", "mote training state 1");
    metadata_describe(&trainer->info, metadata);
    status = safetensors_write(path, tensors, count, metadata->pairs, metadata->count, error);
  }
  for (size_t i = 0; i < owned; i++) free((void *)(uintptr_t)tensors[i].data);
  free(metadata);
  return status;
}

// The tensor of that name with that many numbers, converted into `out`.
static mote_status read_numbers(const safetensors *file, const char *path, const char *name, size_t count, float *out,
                                mote_error *error) {
  const safetensors_entry *entry = safetensors_find(file, name);
  if (!entry) return fail(error, MOTE_ERROR_FORMAT, "%s: %s is missing: not a training state", path, name);
  if (entry->element_count != count || entry->dtype != SAFETENSORS_F32)
    return fail(error, MOTE_ERROR_FORMAT, "%s: %s has %zu numbers, expected %zu: of a model of another shape", path,
                name, entry->element_count, count);
  safetensors_read_float(entry, out);
  return MOTE_OK;
}

static mote_status load(mote_trainer *trainer, const safetensors *file, const char *path, mote_error *error) {
  size_t bytes = trainer->parameters.bytes;
  float halves[2 * TRAIN_WORDS];
  uint32_t words[TRAIN_WORDS];
  TRY(read_numbers(file, path, "state", 2 * TRAIN_WORDS, halves, error));
  for (int i = 0; i < TRAIN_WORDS; i++) words[i] = (uint32_t)halves[2 * i] | (uint32_t)halves[2 * i + 1] << 16;
  if (words[TRAIN_SEED_LOW] != (uint32_t)trainer->desc.seed ||
      words[TRAIN_SEED_HIGH] != (uint32_t)(trainer->desc.seed >> 32))
    return fail(error, MOTE_ERROR_FORMAT, "%s: the state is of a run with another seed", path);
  float *values = malloc(bytes * FLAT_COUNT);
  if (!values) return fail(error, MOTE_ERROR_MEMORY, "out of memory");
  mote_status status = MOTE_OK;  // everything is read before anything is changed
  for (int i = 0; i < FLAT_COUNT && !status; i++)
    if (state_names[i])
      status = read_numbers(file, path, state_names[i], bytes / 4, values + (size_t)i * bytes / 4, error);
  for (int i = 0; i < FLAT_COUNT && !status; i++)
    if (state_names[i]) status = buffer_upload(trainer->flat[i], 0, values + (size_t)i * bytes / 4, bytes, error);
  free(values);
  if (!status) status = program_write(trainer->program, trainer->state, words, error);
  if (!status) {
    trainer->steps_done = words[TRAIN_STEPS];
    trainer->desc.total_steps = words[TRAIN_TOTAL_STEPS];
  }
  return status;
}

mote_status mote_trainer_load_state(mote_trainer *trainer, const char *path, mote_error *error) {
  uint8_t *data;
  size_t bytes;
  TRY(file_read(path, MAX_STATE_BYTES, &data, &bytes, error));
  safetensors *file = NULL;
  mote_status status = safetensors_parse(path, data, bytes, &file, error);
  if (!status) status = load(trainer, file, path, error);
  safetensors_destroy(&file);
  free(data);
  return status;
}
