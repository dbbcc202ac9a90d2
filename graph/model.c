// model.c: weights from a safetensors file onto the device.
#include "graph/model.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "graph/layout.h"
#include "graph/philox.h"
#include "runtime/file.h"

enum { MAX_FILE_BYTES = 1 << 30 };

static bool ends_with(const char *text, const char *end) {
  size_t length = strlen(text), end_length = strlen(end);
  return length >= end_length && strcmp(text + length - end_length, end) == 0;
}

// ---------------------------------------------------------------------------------------------------------------------
// Filling the parameters

typedef struct loader {
  mote_model *model;
  const char *name;
  const safetensors *file;
  mote_error *error;
} loader;

static bool is_shortcut(const char *name) { return strncmp(name, "init_conv.shortcut.", 19) == 0; }

// The widely copied original draws this layer anew at every call, so its checkpoints lack it: uniform in ±1/√C, as
// PyTorch initialises a convolution, from a fixed seed.
static void seed_shortcut(const tensor *tensor, int channels, float *rows) {
  float bound = 1;
  while (bound * bound * (float)channels > 1) bound -= 1.0f / 1024;
  size_t count = tensor_elements(tensor);
  for (size_t i = 0; i < count; i++) {
    philox_block block = philox((philox_block){{(uint32_t)i, tensor->shape.c > 1 || tensor->shape.n == 1, 0, 0}}, 1);
    rows[i] = bound * ((float)(block.words[0] >> 8) / 8388608.0f - 1);
  }
}

static mote_status check_shape(const loader *l, const tensor *tensor, const safetensors_entry *entry) {
  uint64_t from[4];
  int count = parameter_dims(tensor, from);
  if (entry->dim_count == count && memcmp(entry->dims, from, (size_t)count * sizeof *from) == 0) return MOTE_OK;
  char found[80] = "", wanted[80] = "";
  for (int i = 0; i < entry->dim_count; i++)
    snprintf(found + strlen(found), sizeof found - strlen(found), "%s%llu", i ? ", " : "",
             (unsigned long long)entry->dims[i]);
  for (int i = 0; i < count; i++)
    snprintf(wanted + strlen(wanted), sizeof wanted - strlen(wanted), "%s%llu", i ? ", " : "",
             (unsigned long long)from[i]);
  return fail(l->error, MOTE_ERROR_FORMAT, "%s: tensor %s has shape (%s), expected (%s)", l->name, tensor->name, found,
              wanted);
}

static mote_status read_rows(const loader *l, const tensor *tensor, float *rows) {
  const safetensors_entry *entry = safetensors_find(l->file, tensor->name);
  if (!entry && is_shortcut(tensor->name)) {
    seed_shortcut(tensor, l->model->info.channels, rows);
    device_log(l->model->device, "%s: no tensor %s: a seeded one stands in for the shortcut", l->name, tensor->name);
    return MOTE_OK;
  }
  if (!entry) return fail(l->error, MOTE_ERROR_FORMAT, "%s: tensor %s is missing", l->name, tensor->name);
  TRY(check_shape(l, tensor, entry));
  if (!safetensors_read_float(entry, rows))
    return fail(l->error, MOTE_ERROR_FORMAT, "%s: tensor %s is of type %s, expected F32 or F16", l->name, tensor->name,
                safetensors_dtype_name(entry->dtype));
  return MOTE_OK;
}

static mote_status check_surplus(const loader *l) {
  for (size_t i = 0; i < l->file->count; i++) {
    const char *name = l->file->entries[i].name;
    const tensor *known = graph_find(l->model->parameters.list, name);
    if ((known && known->kind == TENSOR_PARAMETER) || ends_with(name, ".num_batches_tracked")) continue;
    return fail(l->error, MOTE_ERROR_FORMAT, "%s: tensor %.100s is not part of a %s", l->name, name,
                l->model->info.architecture);
  }
  return MOTE_OK;
}

// Uploads what the file holds.
static mote_status load_parameters(const loader *l) {
  mote_model *model = l->model;
  const graph *list = model->parameters.list;
  size_t bytes = model->parameters.bytes;
  float *rows = malloc(bytes), *packed = calloc(1, bytes);
  mote_status status = rows && packed ? MOTE_OK : fail(l->error, MOTE_ERROR_MEMORY, "out of memory");
  if (!status) status = check_surplus(l);
  if (!status) status = buffer_create(model->device, bytes, "parameters", &model->buffer, l->error);
  for (int i = 0; i < list->tensor_count && !status; i++) {
    const tensor *tensor = list->tensors[i];
    if (tensor->kind != TENSOR_PARAMETER) continue;
    status = read_rows(l, tensor, rows);
    if (!status) layout_pack(tensor, rows, packed + tensor->home.offset / 4);
  }
  if (!status) status = buffer_upload(model->buffer, 0, packed, bytes, l->error);
  free(rows);
  free(packed);
  return status;
}

mote_status model_check(const mote_model *model, const char *architecture, mote_error *error) {
  if (!strcmp(model->info.architecture, architecture)) return MOTE_OK;
  return fail(error, MOTE_ERROR_USAGE, "found a model that is a %s, expected a %s", model->info.architecture,
              architecture);
}

mote_status model_bind(const mote_model *model, graph *graph, mote_error *error) {
  return parameters_bind(&model->parameters, model->buffer, NULL, graph, error);
}

// ---------------------------------------------------------------------------------------------------------------------
// Public

mote_status mote_model_load_memory(mote_device *device, const char *name, const void *data, size_t bytes,
                                   mote_model **out, mote_error *error) {
  *out = NULL;
  safetensors *file = NULL;
  TRY(safetensors_parse(name, data, bytes, &file, error));
  mote_model *model = calloc(1, sizeof *model);
  mote_status status = model ? MOTE_OK : fail(error, MOTE_ERROR_MEMORY, "out of memory");
  if (!status) status = metadata_read(device, name, file, &model->info, error);
  if (!status) {
    model->device = device;
    status = parameters_create(device, &model->info, &model->parameters, error);
  }
  if (!status) status = load_parameters(&(loader){model, name, file, error});
  safetensors_destroy(&file);
  if (status)
    mote_model_destroy(&model);
  else
    *out = model;
  return status;
}

mote_status mote_model_load_file(mote_device *device, const char *path, mote_model **out, mote_error *error) {
  *out = NULL;
  uint8_t *data;
  size_t bytes;
  TRY(file_read(path, MAX_FILE_BYTES, &data, &bytes, error));
  mote_status status = mote_model_load_memory(device, path, data, bytes, out, error);
  free(data);
  return status;
}

void mote_model_destroy(mote_model **pointer) {
  mote_model *model = *pointer;
  *pointer = NULL;
  if (!model) return;
  parameters_destroy(&model->parameters);
  buffer_destroy(&model->buffer);
  free(model);
}

const mote_model_info *mote_model_get_info(const mote_model *model) { return &model->info; }
