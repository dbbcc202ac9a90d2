// safetensors_write.c: writes safetensors as the official implementation lays them out.
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "graph/files/json.h"
#include "graph/files/safetensors.h"
#include "graph/ir/half.h"
#include "runtime/error.h"
#include "runtime/file.h"

// A tensor with the size of what is stored.
typedef struct placed {
  const safetensors_tensor *tensor;
  size_t bytes;
} placed;

// The official order, which keeps every tensor aligned to its element size.
static int compare_placed(const void *a, const void *b) {
  const safetensors_tensor *x = ((const placed *)a)->tensor, *y = ((const placed *)b)->tensor;
  if (x->dtype != y->dtype) return x->dtype > y->dtype ? -1 : 1;
  return strcmp(x->name, y->name);
}

static mote_status place_tensors(const char *path, const safetensors_tensor *tensors, size_t count, placed *order,
                                 mote_error *error) {
  for (size_t i = 0; i < count; i++) {
    const safetensors_tensor *t = &tensors[i];
    order[i].tensor = t;
    if (t->dtype != SAFETENSORS_F32 && t->dtype != SAFETENSORS_F16)
      return fail(error, MOTE_ERROR_USAGE, "%s: tensor '%s' is to be stored as neither F32 nor F16", path, t->name);
    if (t->dim_count < 0 || t->dim_count > SAFETENSORS_MAX_DIMS ||
        !safetensors_shape_bytes(t->dims, t->dim_count, sizeof(float), &order[i].bytes) ||
        order[i].bytes >= (size_t)1 << 48)
      return fail(error, MOTE_ERROR_USAGE, "%s: the shape of tensor '%s' is out of range", path, t->name);
    if (t->dtype == SAFETENSORS_F16) order[i].bytes /= 2;
  }
  qsort(order, count, sizeof *order, compare_placed);
  return MOTE_OK;
}

static void write_tensor(json_text *out, const placed *place, uint64_t begin) {
  const safetensors_tensor *tensor = place->tensor;
  json_write_string(out, tensor->name);
  json_write(out, ":{\"dtype\":\"%s\",\"shape\":[", safetensors_dtype_name(tensor->dtype));
  for (int i = 0; i < tensor->dim_count; i++) json_write(out, "%s%" PRIu64, i ? "," : "", tensor->dims[i]);
  json_write(out, "],\"data_offsets\":[%" PRIu64 ",%" PRIu64 "]}", begin, begin + place->bytes);
}

// The caller frees the text, which is none if memory ran out.
static json_text make_header(const placed *order, size_t count, const safetensors_pair *metadata,
                             size_t metadata_count) {
  json_text out = {0};
  json_write(&out, "{");
  for (size_t i = 0; i < metadata_count; i++) {
    json_write(&out, i ? "," : "\"__metadata__\":{");
    json_write_string(&out, metadata[i].key);
    json_write(&out, ":");
    json_write_string(&out, metadata[i].value);
  }
  if (metadata_count) json_write(&out, "}%s", count ? "," : "");
  uint64_t begin = 0;
  for (size_t i = 0; i < count; i++) {
    if (i) json_write(&out, ",");
    write_tensor(&out, &order[i], begin);
    begin += order[i].bytes;
  }
  json_write(&out, "}");
  return out;
}

static mote_status write_half(file_writer *writer, const char *name, const float *data, size_t count,
                              mote_error *error) {
  uint16_t halves[4096];
  size_t filled = 0;
  for (size_t i = 0; i < count; i++) {
    uint16_t half = half_from_float(data[i]);
    if ((half & 0x7fff) == 0x7c00 && isfinite(data[i]))
      return fail(error, MOTE_ERROR_USAGE, "%s: %g in tensor '%s' is too large for F16 (65504); store it as F32",
                  writer->path, (double)data[i], name);
    halves[filled++] = half;
    if (filled == 4096 || i + 1 == count) {
      TRY(file_writer_write(writer, halves, filled * sizeof *halves, error));
      filled = 0;
    }
  }
  return MOTE_OK;
}

static mote_status write_all(file_writer *writer, const json_text *header, const placed *order, size_t count,
                             mote_error *error) {
  size_t length = header->length, padding = (8 - length % 8) % 8;
  uint64_t header_bytes = length + padding;
  TRY(file_writer_write(writer, &header_bytes, sizeof header_bytes, error));
  TRY(file_writer_write(writer, header->text, length, error));
  TRY(file_writer_write(writer, "        ", padding, error));
  for (size_t i = 0; i < count; i++) {
    const safetensors_tensor *tensor = order[i].tensor;
    if (tensor->dtype == SAFETENSORS_F32)
      TRY(file_writer_write(writer, tensor->data, order[i].bytes, error));
    else
      TRY(write_half(writer, tensor->name, tensor->data, order[i].bytes / 2, error));
  }
  return MOTE_OK;
}

static int compare_strings(const void *a, const void *b) {
  return strcmp(*(char *const *)a, *(char *const *)b);
}

// The reader refuses two members of the same name. Sorts `names`.
static mote_status check_distinct(const char *path, const char **names, size_t count, mote_error *error) {
  qsort(names, count, sizeof *names, compare_strings);
  for (size_t i = 1; i < count; i++)
    if (!strcmp(names[i - 1], names[i]))
      return fail(error, MOTE_ERROR_USAGE, "%s: '%s' is to be stored more than once", path, names[i]);
  return MOTE_OK;
}

static mote_status check_names(const char *path, const safetensors_tensor *tensors, size_t count,
                               const safetensors_pair *metadata, size_t metadata_count, mote_error *error) {
  const char **names = calloc(count + metadata_count + 1, sizeof *names);
  if (!names) return fail(error, MOTE_ERROR_MEMORY, "%s: no memory for its header", path);
  for (size_t i = 0; i < count; i++) names[i] = tensors[i].name;
  names[count] = "__metadata__";
  mote_status status = check_distinct(path, names, count + 1, error);
  for (size_t i = 0; i < metadata_count; i++) names[i] = metadata[i].key;
  if (!status) status = check_distinct(path, names, metadata_count, error);
  free(names);
  return status;
}

mote_status safetensors_write(const char *path, const safetensors_tensor *tensors, size_t count,
                              const safetensors_pair *metadata, size_t metadata_count, mote_error *error) {
  file_writer writer = {0};
  json_text header = {0};
  mote_status status;
  placed *order = calloc(count + 1, sizeof *order);
  if (!order) return fail(error, MOTE_ERROR_MEMORY, "%s: no memory for its header", path);
  TRY_GOTO(failed, check_names(path, tensors, count, metadata, metadata_count, error));
  TRY_GOTO(failed, place_tensors(path, tensors, count, order, error));
  header = make_header(order, count, metadata, metadata_count);
  if (header.out_of_memory) {
    status = fail(error, MOTE_ERROR_MEMORY, "%s: no memory for its header", path);
    goto failed;
  }
  TRY_GOTO(failed, json_check_text(path, JSON_HEADER, header.text, header.length, error));
  TRY_GOTO(failed, file_writer_init(&writer, path, error));
  TRY_GOTO(failed, write_all(&writer, &header, order, count, error));
  status = file_writer_commit(&writer, error);
failed:
  file_writer_abort(&writer);
  free(header.text);
  free(order);
  return status;
}
