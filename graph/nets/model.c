// model.c: weights from a safetensors file onto the device.
#include "graph/nets/model.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "graph/ir/layout.h"
#include "graph/ir/philox.h"
#include "graph/nets/diffusers_model.h"
#include "shaders/streams.h"

static bool ends_with(const char *text, const char *end) {
  size_t length = strlen(text), end_length = strlen(end);
  return length >= end_length && strcmp(text + length - end_length, end) == 0;
}

// ---------------------------------------------------------------------------------------------------------------------
// Filling the parameters

typedef struct loader {
  mote_model *model;
  const network *own;  // NULL: one of mote's
  const diffusers_folder *folder;  // that the file lies in, or NULL
  const char *name;
  safetensors *file;
  mote_error *error;
} loader;

// The widely copied original of context_unet draws its shortcut anew at every call, so its checkpoints lack it.
static void draw_optional(const tensor *tensor, float *rows) {
  const parameter_desc *desc = &tensor->parameter;
  size_t count = tensor_elements(tensor);
  for (size_t i = 0; i < count; i++) {
    const philox_block counter = {{(uint32_t)i, desc->dim_count > 1, 0, STREAM_TRAIN_WEIGHTS}};
    rows[i] = (float)(desc->constant + desc->bound * philox_uniform(counter, 1));
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

// Layers of attention as diffusers named them until 2023, and does now.
static const char *const renamed[][2] = {{".query.", ".to_q."}, {".key.", ".to_k."}, {".value.", ".to_v."}, {".proj_attn.", ".to_out.0."}};

// `name` with the part `from` replaced by `to`; false if it has none.
static bool rename_part(const char *name, const char *from, const char *to, char *renamed, size_t bytes) {
  const char *at = strstr(name, from);
  if (at) snprintf(renamed, bytes, "%.*s%s%s", (int)(at - name), name, to, at + strlen(from));
  return at;
}

// The tensor of that name, in a folder of diffusers also by the name that it once had.
static const safetensors_entry *find_entry(const loader *l, const char *name) {
  char earlier[NAME_BYTES + 16];
  const safetensors_entry *entry = safetensors_find(l->file, name);
  for (size_t i = 0; i < sizeof renamed / sizeof *renamed && !entry && l->folder; i++)
    if (rename_part(name, renamed[i][1], renamed[i][0], earlier, sizeof earlier)) entry = safetensors_find(l->file, earlier);
  return entry;
}

static const tensor *find_parameter(const loader *l, const char *name) {
  const graph *list = l->model->parameters.list;
  char now[NAME_BYTES + 16];
  const tensor *known = graph_find(list, name);
  for (size_t i = 0; i < sizeof renamed / sizeof *renamed && !known && l->folder; i++)
    if (rename_part(name, renamed[i][0], renamed[i][1], now, sizeof now)) known = graph_find(list, now);
  return known && known->kind == TENSOR_PARAMETER ? known : NULL;
}

// What the header tells of one tensor, before its numbers are read.
static mote_status check_entry(const loader *l, const tensor *tensor) {
  const safetensors_entry *entry = find_entry(l, tensor->name);
  if (!entry && tensor->parameter.optional) return MOTE_OK;
  if (!entry) return fail(l->error, MOTE_ERROR_FORMAT, "%s: tensor %s is missing", l->name, tensor->name);
  TRY(check_shape(l, tensor, entry));
  if (safetensors_dtype_is_float(entry->dtype)) return MOTE_OK;
  return fail(l->error, MOTE_ERROR_FORMAT, "%s: tensor %s is of type %s, expected F32, F16, BF16 or F64", l->name,
              tensor->name, safetensors_dtype_name(entry->dtype));
}

// Counters that PyTorch keeps beside the weights are passed over.
static bool is_counter(const safetensors_entry *entry) {
  return entry->element_count <= 1 && (ends_with(entry->name, ".num_batches_tracked") || !strcmp(entry->name, "n_averaged"));
}

static mote_status check_surplus(const loader *l) {
  for (size_t i = 0; i < l->file->count; i++) {
    const char *name = l->file->entries[i].name;
    if (find_parameter(l, name) || is_counter(&l->file->entries[i])) continue;
    return fail(l->error, MOTE_ERROR_FORMAT, "%s: tensor %.100s is not part of a %s", l->name, name,
                l->model->info.architecture);
  }
  return MOTE_OK;
}

static const char *find_after(const safetensors *file, size_t prefix, const char *name) {
  for (size_t i = 0; i < file->count; i++) {
    const char *found = file->entries[i].name;
    if (strlen(found) > prefix && !strcmp(found + prefix, name)) return found;
  }
  return NULL;
}

// One of the tensors that tell the network's settings, their names beginning after `prefix` bytes; NULL unless all are there.
static const char *find_network(const network *network, const safetensors *file, size_t prefix) {
  const char *found = NULL;
  for (const network_setting *setting = network->settings; setting->name; setting++)
    if (setting->tensor && !(found = find_after(file, prefix, setting->tensor))) return NULL;
  return found;
}

// DataParallel writes "module." before every name, torch.compile "_orig_mod.", others "model." or "ema_model."; what is left
// must be the names of a network.
static void drop_prefix(const loader *l) {
  const size_t length = safetensors_common_prefix(l->file);
  if (length == 0) return;
  const char *name = l->own ? find_network(l->own, l->file, length) : NULL;
  for (int i = 0; !l->own && !name && network_at(i); i++) name = find_network(network_at(i), l->file, length);
  if (!name) return;
  device_log(l->model->device, "%s: the prefix %.*s that all tensors share is left out of their names", l->name, (int)length,
             name);
  safetensors_drop_prefix(l->file, length);
}

// All that the header tells: after this the file holds no more than the network needs.
static mote_status describe(const loader *l) {
  mote_model *model = l->model;
  if (l->folder) {
    TRY(diffusers_describe(model->device, l->folder, l->file, &model->info, l->error));
  } else {
    drop_prefix(l);
    TRY(metadata_read(model->device, l->name, l->file, l->own, &model->info, l->error));
  }
  TRY(parameters_create(model->device, &model->info, &model->parameters, l->error));
  TRY(check_surplus(l));
  const graph *list = model->parameters.list;
  for (int i = 0; i < list->tensor_count; i++)
    if (list->tensors[i]->kind == TENSOR_PARAMETER) TRY(check_entry(l, list->tensors[i]));
  return MOTE_OK;
}

static mote_status read_rows(const loader *l, const tensor *tensor, float *rows) {
  const safetensors_entry *entry = find_entry(l, tensor->name);
  if (entry) {
    safetensors_read_float(entry, rows);
    return parameter_check(l->name, tensor, rows, l->error);
  }
  draw_optional(tensor, rows);
  device_log(l->model->device, "%s: no tensor %s: a seeded one stands in for it", l->name, tensor->name);
  return MOTE_OK;
}

// Uploads what the file holds.
static mote_status load_parameters(const loader *l) {
  mote_model *model = l->model;
  const graph *list = model->parameters.list;
  size_t bytes = model->parameters.bytes;
  float *rows = malloc(bytes), *packed = calloc(1, bytes);
  mote_status status = rows && packed ? MOTE_OK : fail(l->error, MOTE_ERROR_MEMORY, "out of memory");
  for (int i = 0; i < list->tensor_count && !status; i++) {
    const tensor *tensor = list->tensors[i];
    if (tensor->kind != TENSOR_PARAMETER) continue;
    status = read_rows(l, tensor, rows);
    if (!status) layout_pack(tensor, rows, packed + tensor->home.offset / 4);
  }
  if (!status) status = buffer_create(model->device, bytes, "parameters", &model->buffer, l->error);
  if (!status) status = buffer_upload(model->buffer, 0, packed, bytes, l->error);
  free(rows);
  free(packed);
  return status;
}

mote_status batch_check(int batch, mote_error *error) {
  if (batch >= 1 && batch <= MOTE_BATCH_MAX) return MOTE_OK;
  return fail(error, MOTE_ERROR_USAGE, "batch is %d, expected 1 to %d", batch, MOTE_BATCH_MAX);
}

mote_status timesteps_check(const mote_model_info *info, const int32_t *timesteps, int batch, mote_error *error) {
  const int most = info->timesteps - network_timestep(info, 0);
  for (int i = 0; i < batch; i++)
    if (timesteps[i] < 0 || timesteps[i] > most)
      return fail(error, MOTE_ERROR_USAGE, "steps[%d] is %d, expected 0 to %d", i, timesteps[i], most);
  return MOTE_OK;
}

mote_status model_check(const mote_model *model, bool classifies, mote_error *error) {
  if (network_of(&model->info)->classifies == classifies) return MOTE_OK;
  return fail(error, MOTE_ERROR_USAGE, "found a model that is a %s, expected %s", model->info.architecture,
              network_list_of(classifies).text);
}

// A parameter that has other dimensions in `b`; NULL: none.
static const tensor *find_different(const graph *a, const graph *b) {
  for (int i = 0; i < a->tensor_count; i++) {
    const tensor *one = a->tensors[i], *other = graph_find(b, one->name);
    uint64_t dims[2][4] = {{0}};
    if (one->kind != TENSOR_PARAMETER) continue;
    if (!other || parameter_dims(one, dims[0]) != parameter_dims(other, dims[1]) || memcmp(dims[0], dims[1], sizeof dims[0])) return one;
  }
  return NULL;
}

mote_status model_set_size(mote_model *model, const char *where, int width, int height, mote_error *error) {
  mote_model_info info = model->info;
  parameters parameters = {0};
  info.width = width;
  info.height = height;
  TRY(metadata_check_settings(&(described){where, MOTE_ERROR_UNSUPPORTED}, &info, error));
  mote_status status = parameters_create(model->device, &info, &parameters, error);
  const tensor *different = status ? NULL : find_different(parameters.list, model->parameters.list);
  if (different)
    status = fail(error, MOTE_ERROR_UNSUPPORTED, "%s: found %d x %d pixels, expected %d x %d: the weights of a %s are for one size, such as %s",
                  where, width, height, model->info.width, model->info.height, model->info.architecture, different->name);
  parameters_destroy(&parameters);
  if (!status) model->info = info;
  return status;
}

mote_status model_bind(const mote_model *model, graph *graph, mote_error *error) {
  return parameters_bind(&model->parameters, model->buffer, NULL, graph, error);
}

// ---------------------------------------------------------------------------------------------------------------------
// Public

static mote_status create(mote_device *device, mote_model **model, mote_error *error) {
  *model = calloc(1, sizeof **model);
  if (!*model) return fail(error, MOTE_ERROR_MEMORY, "out of memory");
  (*model)->device = device;
  return MOTE_OK;
}

mote_status mote_model_load_memory(mote_device *device, const char *name, const void *data, size_t bytes,
                                   mote_model **out, mote_error *error) {
  if (out) *out = NULL;
  ENTER(error, device, name, data, out);
  safetensors *file = NULL;
  TRY(safetensors_parse(name, data, bytes, &file, error));
  mote_model *model = NULL;
  mote_status status = create(device, &model, error);
  const loader l = {.model = model, .name = name, .file = file, .error = error};
  if (!status) status = describe(&l);
  if (!status) status = load_parameters(&l);
  safetensors_destroy(&file);
  if (status)
    mote_model_destroy(&model);
  else
    *out = model;
  return status;
}

static mote_status load_file(mote_device *device, const char *path, const network *own, const diffusers_folder *folder,
                             mote_model **out, mote_error *error) {
  safetensors_file file;
  TRY(safetensors_open(path, &file, error));
  mote_model *model = NULL;
  mote_status status = create(device, &model, error);
  const loader l = {.model = model, .own = own, .folder = folder, .name = path, .file = file.header, .error = error};
  if (!status) status = describe(&l);
  if (!status) status = safetensors_read_data(&file, error);
  if (!status) status = load_parameters(&l);
  safetensors_close(&file);
  if (status)
    mote_model_destroy(&model);
  else
    *out = model;
  return status;
}

mote_status model_load_own(mote_device *device, const char *path, const network *own, mote_model **out, mote_error *error) {
  *out = NULL;
  return load_file(device, path, own, NULL, out, error);
}

mote_status mote_model_load_file(mote_device *device, const char *path, mote_model **out, mote_error *error) {
  if (out) *out = NULL;
  ENTER(error, device, path, out);
  diffusers_folder folder;
  if (!diffusers_is_any_folder(path)) return load_file(device, path, NULL, NULL, out, error);
  TRY(diffusers_open(path, &folder, error));
  return load_file(device, folder.weights, NULL, &folder, out, error);
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
