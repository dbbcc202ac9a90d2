// trainer_files.c: weights and training state as safetensors files.
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "graph/layout.h"
#include "graph/sprite_classifier.h"
#include "graph/trainer.h"
#include "runtime/file.h"
#include "shaders/train_state.h"

enum { MAX_PAIRS = 20, PAIR_BYTES = 4200, MAX_STATE_BYTES = 1 << 30 };

// Metadata under construction: values are written into `text`.
typedef struct pair_list {
  safetensors_pair pairs[MAX_PAIRS];
  size_t count, used;
  char text[PAIR_BYTES];
} pair_list;

static void add_pair(pair_list *list, const char *key, const char *format, ...) __attribute__((format(printf, 3, 4)));

static void add_pair(pair_list *list, const char *key, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  list->pairs[list->count++] = (safetensors_pair){key, list->text + list->used};
  int length = vsnprintf(list->text + list->used, sizeof list->text - list->used, format, arguments);
  va_end(arguments);
  list->used += (size_t)length + 1;
}

static void describe_diffusion(const mote_model_info *info, pair_list *list) {
  static const char *const schedules[] = {"linear", "cosine"}, *const predictions[] = {"epsilon", "v", "x0"};
  add_pair(list, "timesteps", "%d", info->timesteps);
  add_pair(list, "schedule", "%s", schedules[info->schedule]);
  add_pair(list, "beta_start", "%.9g", info->beta_start);
  add_pair(list, "beta_end", "%.9g", info->beta_end);
  add_pair(list, "prediction", "%s", predictions[info->prediction]);
  if (info->context_drop > 0) add_pair(list, "context_drop", "%.9g", info->context_drop);
  if (info->steps) add_pair(list, "steps", "%d", info->steps);
  if (info->steps && info->guidance > 0) add_pair(list, "guidance", "%.9g", info->guidance);
}

static void describe_model(const mote_model_info *info, pair_list *list) {
  char labels[MOTE_MAX_LABELS * 33] = "";
  for (int i = 0; i < info->label_count; i++)
    snprintf(labels + strlen(labels), sizeof labels - strlen(labels), "%s%s", i ? "," : "", info->labels[i]);
  add_pair(list, "architecture", "%s", info->architecture);
  add_pair(list, "channels", "%d", info->channels);
  add_pair(list, "height", "%d", info->height);
  add_pair(list, "n_feat", "%d", info->n_feat);
  add_pair(list, "n_cfeat", "%d", info->n_cfeat);
  if (!is_classifier(info)) describe_diffusion(info, list);
  if (info->channels % 2 == 0) add_pair(list, "alpha", "%s", info->premultiplied ? "premultiplied" : "straight");
  add_pair(list, "labels", "%s", labels);
  add_pair(list, "trained_on", "%s", info->trained_on);
}

mote_status mote_trainer_save_weights(mote_trainer *trainer, const char *path, bool half, mote_error *error) {
  const graph *list = trainer->parameters.list;
  size_t count = 0;
  safetensors_tensor *tensors = calloc((size_t)list->tensor_count + 1, sizeof *tensors);
  pair_list *metadata = calloc(1, sizeof *metadata);
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
    describe_model(&trainer->info, metadata);
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
  pair_list *metadata = calloc(1, sizeof *metadata);
  if (!status && !metadata) status = fail(error, MOTE_ERROR_MEMORY, "out of memory");
  if (!status) {
    add_pair(metadata, "format", "mote training state 1");
    describe_model(&trainer->info, metadata);
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
