// trainer_files.c: weights and training state as safetensors files.
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "graph/diffusion/trainer.h"
#include "graph/ir/layout.h"
#include "graph/nets/parameters_write.h"
#include "runtime/file.h"
#include "shaders/train_state.h"

// What training made unfit, such as weights that overflowed, is not written: nothing would read it.
static mote_status fail_unfit(const mote_trainer *trainer, const char *path, const mote_error *fault, mote_error *error) {
  if (fault->status == MOTE_ERROR_MEMORY) return fail(error, fault->status, "%s", fault->message);
  return fail(error, MOTE_ERROR_DEVICE, "%s: not written after step %llu: %s", path,
              (unsigned long long)trainer->steps_done, fault->message);
}

mote_status mote_trainer_save_weights(mote_trainer *trainer, const char *path, bool half, mote_error *error) {
  ENTER(error, trainer, path);
  metadata_pairs *metadata = calloc(1, sizeof *metadata);
  if (!metadata) return fail(error, MOTE_ERROR_MEMORY, "out of memory");
  metadata_describe(&trainer->info, metadata);
  const parameters_write_desc desc = {.parameters = &trainer->parameters,
                                      .learned = trainer->flat[FLAT_AVERAGE],
                                      .others = trainer->flat[FLAT_AVERAGE],
                                      .dtype = half ? SAFETENSORS_F16 : SAFETENSORS_F32,
                                      .metadata = metadata,
                                      .checked = "average"};
  mote_error fault;
  mote_status status = parameters_write(&desc, path, &fault);
  free(metadata);
  if (status == MOTE_ERROR_FORMAT) return fail_unfit(trainer, path, &fault, error);
  return status ? fail(error, status, "%s", fault.message) : MOTE_OK;
}

// ---------------------------------------------------------------------------------------------------------------------
// State: the flat buffers as they lie on the device, and the state words, 16 bits a number so that floats hold them.

static const char *const state_names[FLAT_COUNT] = {"weights", NULL, "first_moment", "second_moment", "average"};

static mote_status check_squares(const char *where, const tensor *tensor, const float *rows, mote_error *error) {
  for (size_t i = 0; i < tensor_elements(tensor); i++)
    if (rows[i] < 0)
      return fail(error, MOTE_ERROR_FORMAT, "%s: tensor %s: number %zu is %g, expected a square", where, tensor->name, i,
                  (double)rows[i]);
  return MOTE_OK;
}

// Checks one parameter of a flat buffer, one of FLAT_WEIGHTS …, and copies it to where `packed` is laid out alike.
static mote_status check_parameter(const char *where, int which, const tensor *tensor, const float *values, float *packed,
                                   mote_error *error) {
  float *rows = malloc(tensor_elements(tensor) * sizeof *rows);
  if (!rows) return fail(error, MOTE_ERROR_MEMORY, "out of memory");
  layout_unpack(tensor, values + tensor->home.offset / 4, rows);
  mote_status status = parameter_check(where, tensor, rows, error);
  if (!status && which == FLAT_SECOND) status = check_squares(where, tensor, rows, error);
  layout_pack(tensor, rows, packed + tensor->home.offset / 4);
  free(rows);
  return status;
}

// Checks what a flat buffer holds, and sets what lies between the parameters to zero.
static mote_status check_flat(const mote_trainer *trainer, const char *where, int which, float *values, mote_error *error) {
  const graph *list = trainer->parameters.list;
  const size_t bytes = trainer->parameters.bytes;
  float *packed = calloc(1, bytes);
  mote_status status = packed ? MOTE_OK : fail(error, MOTE_ERROR_MEMORY, "out of memory");
  for (int i = 0; i < list->tensor_count && !status; i++)
    if (list->tensors[i]->kind == TENSOR_PARAMETER)
      status = check_parameter(where, which, list->tensors[i], values, packed, error);
  if (!status) memcpy(values, packed, bytes);
  free(packed);
  return status;
}

mote_status mote_trainer_save_state(mote_trainer *trainer, const char *path, mote_error *error) {
  ENTER(error, trainer, path);
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
    mote_error fault;
    if (!status && check_flat(trainer, state_names[i], i, values, &fault)) status = fail_unfit(trainer, path, &fault, error);
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

static mote_status check_numbers(const safetensors *file, const char *path, const char *name, size_t count,
                                 mote_error *error) {
  const safetensors_entry *entry = safetensors_find(file, name);
  if (!entry) return fail(error, MOTE_ERROR_FORMAT, "%s: %s is missing: not a training state", path, name);
  if (entry->dtype != SAFETENSORS_F32)
    return fail(error, MOTE_ERROR_FORMAT, "%s: %s is of type %s, expected F32", path, name,
                safetensors_dtype_name(entry->dtype));
  if (entry->element_count == count) return MOTE_OK;
  return fail(error, MOTE_ERROR_FORMAT, "%s: %s has %zu numbers, expected %zu: of a model of another shape", path, name,
              entry->element_count, count);
}

mote_status trainer_check_state(const mote_trainer *trainer, const safetensors *file, const char *path, mote_error *error) {
  size_t known = 1;
  TRY(check_numbers(file, path, "state", 2 * TRAIN_WORDS, error));
  for (int i = 0; i < FLAT_COUNT; i++) {
    if (!state_names[i]) continue;
    TRY(check_numbers(file, path, state_names[i], trainer->parameters.bytes / 4, error));
    known++;
  }
  if (file->count == known) return MOTE_OK;
  return fail(error, MOTE_ERROR_FORMAT, "%s: has %zu tensors, expected %zu: not a training state", path, file->count, known);
}

// A power of Adam's decays: 1 before the first step, then less.
static bool is_power(uint32_t word, uint32_t steps) {
  float power;
  memcpy(&power, &word, sizeof power);
  return steps ? power >= 0 && power < 1 : power == 1;
}

static mote_status read_words(const mote_trainer *trainer, const safetensors *file, const char *path, uint32_t *words,
                              mote_error *error) {
  float halves[2 * TRAIN_WORDS];
  safetensors_read_float(safetensors_find(file, "state"), halves);
  for (int i = 0; i < 2 * TRAIN_WORDS; i++)
    if (!(halves[i] >= 0 && halves[i] < 65536 && halves[i] == floorf(halves[i])))
      return fail(error, MOTE_ERROR_FORMAT, "%s: number %d of state is %g, expected a whole number from 0 to 65535", path, i,
                  (double)halves[i]);
  for (int i = 0; i < TRAIN_WORDS; i++) words[i] = (uint32_t)halves[2 * i] | (uint32_t)halves[2 * i + 1] << 16;
  const uint32_t steps = words[TRAIN_STEPS];
  if (words[TRAIN_SEED_LOW] != (uint32_t)trainer->desc.seed ||
      words[TRAIN_SEED_HIGH] != (uint32_t)(trainer->desc.seed >> 32))
    return fail(error, MOTE_ERROR_FORMAT, "%s: the state is of a run with another seed", path);
  if (!is_power(words[TRAIN_BETA1_POWER], steps) || !is_power(words[TRAIN_BETA2_POWER], steps))
    return fail(error, MOTE_ERROR_FORMAT, "%s: the optimiser's powers in state are not those of step %u", path, steps);
  if (words[TRAIN_FAILED] && words[TRAIN_FAILED] != steps + 1)
    return fail(error, MOTE_ERROR_FORMAT, "%s: step %u failed by state, which is of step %u", path, words[TRAIN_FAILED], steps);
  if (trainer_check_total(trainer->desc.lr_schedule, words[TRAIN_TOTAL_STEPS], error))
    return fail(error, MOTE_ERROR_FORMAT, "%s: the learning rate's end in state is 0, expected 1 or more steps", path);
  words[TRAIN_ARRIVED] = words[TRAIN_BATCH] = 0;
  return MOTE_OK;
}

mote_status trainer_read_state(const mote_trainer *trainer, const safetensors *file, const char *path, uint32_t *words,
                               float *values, mote_error *error) {
  TRY(read_words(trainer, file, path, words, error));
  for (int i = 0; i < FLAT_COUNT; i++) {
    if (!state_names[i]) continue;
    float *flat = values + (size_t)i * trainer->parameters.bytes / 4;
    safetensors_read_float(safetensors_find(file, state_names[i]), flat);
    char where[PATH_MAX + 32];
    snprintf(where, sizeof where, "%s: %s", path, state_names[i]);
    TRY(check_flat(trainer, where, i, flat, error));
  }
  return MOTE_OK;
}

// Everything is read before anything is changed.
static mote_status load(mote_trainer *trainer, const safetensors *file, const char *path, mote_error *error) {
  const size_t bytes = trainer->parameters.bytes;
  uint32_t words[TRAIN_WORDS];
  float *values = malloc(bytes * FLAT_COUNT);
  if (!values) return fail(error, MOTE_ERROR_MEMORY, "out of memory");
  mote_status status = trainer_read_state(trainer, file, path, words, values, error);
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
  ENTER(error, trainer, path);
  safetensors_file file;
  TRY(safetensors_open(path, &file, error));
  mote_status status = trainer_check_state(trainer, file.header, path, error);
  if (!status) status = safetensors_read_data(&file, error);
  if (!status) status = load(trainer, file.header, path, error);
  safetensors_close(&file);
  return status;
}
