// tensor.c: reads the .npy files that options name, with errors that show the shape found and the shape expected.
#include "tools/data/tensor.h"

#include <inttypes.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/error.h"
#include "runtime/file.h"
#include "runtime/file_kind.h"
#include "tools/data/npz.h"

#define TENSOR_MAX_BYTES ((size_t)1 << 34)

// Puts the one array of a .npz file in the place of the file.
static mote_status unpack(tensor *t, const char *path, size_t *bytes, mote_error *error) {
  npz archive;
  uint8_t *data = NULL;
  char held[200];
  TRY(npz_init(&archive, path, t->bytes, *bytes, error));
  npz_list_names(&archive, held, sizeof held);
  mote_status status = archive.member_count == 1 ? npz_read(&archive, archive.members, &data, error)
                                                 : fail(error, MOTE_ERROR_FORMAT, "%s: holds the arrays %s, expected one alone", path, held);
  if (!status) {
    *bytes = archive.members->inflated;
    free(t->bytes);
    t->bytes = data;
  }
  npz_finish(&archive);
  return status;
}

mote_status tensor_init(tensor *t, const char *path, mote_error *error) {
  *t = (tensor){0};
  size_t bytes = 0;
  TRY(file_read(path, TENSOR_MAX_BYTES, &t->bytes, &bytes, error));
  const file_kind *kind = file_kind_of(t->bytes, bytes);
  mote_status status = kind && !strcmp(kind->format, "npz") ? unpack(t, path, &bytes, error) : MOTE_OK;
  if (!status) status = npy_parse(path, t->bytes, bytes, &t->array, error);
  if (status) tensor_finish(t);
  return status;
}

void tensor_finish(tensor *t) {
  free(t->bytes);
  *t = (tensor){0};
}

// As Python writes a tuple: (16, 3, 16, 16), with N for a count of 0.
static void format_shape(const uint64_t *dims, int dim_count, char *text, size_t bytes) {
  size_t used = (size_t)snprintf(text, bytes, "(");
  for (int i = 0; i < dim_count && used < bytes; i++) {
    const char *separator = i + 1 < dim_count ? ", " : dim_count == 1 ? "," : "";
    used += (size_t)(dims[i] ? snprintf(text + used, bytes - used, "%" PRIu64 "%s", dims[i], separator)
                             : snprintf(text + used, bytes - used, "N%s", separator));
  }
  if (used < bytes) snprintf(text + used, bytes - used, ")");
}

void tensor_format_shape(const npy_array *array, char *text, size_t bytes) {
  format_shape(array->dims, array->dim_count, text, bytes);
}

mote_status tensor_check_shape(const tensor *t, const uint64_t *dims, int dim_count, mote_error *error) {
  bool equal = t->array.dim_count == dim_count && t->array.element_count > 0;
  for (int i = 0; equal && i < dim_count; i++) equal = !dims[i] || dims[i] == t->array.dims[i];
  if (equal) return MOTE_OK;
  char found[192], expected[192];
  format_shape(t->array.dims, t->array.dim_count, found, sizeof found);
  format_shape(dims, dim_count, expected, sizeof expected);
  if (!t->array.element_count) snprintf(found, sizeof found, "an empty array");
  return fail(error, MOTE_ERROR_FORMAT, "%s: found shape %s, expected %s", t->array.name, found, expected);
}

mote_status tensor_to_floats(const tensor *t, float **values, mote_error *error) {
  *values = malloc((t->array.element_count ? t->array.element_count : 1) * sizeof **values);
  if (!*values)
    return fail(error, MOTE_ERROR_MEMORY, "%s: no memory for %zu numbers", t->array.name, t->array.element_count);
  npy_to_float(&t->array, *values);
  for (size_t i = 0; i < t->array.element_count; i++) {
    if (isfinite((*values)[i])) continue;
    mote_status status = fail(error, MOTE_ERROR_FORMAT, "%s: found %g at element %zu, expected finite numbers",
                              t->array.name, (double)(*values)[i], i);
    free(*values);
    *values = NULL;
    return status;
  }
  return MOTE_OK;
}

mote_status tensor_to_image_floats(const tensor *t, float **values, mote_error *error) {
  if (!npy_dtype_is_float(t->array.dtype))
    return fail(error, MOTE_ERROR_FORMAT, "%s: found dtype %s, expected floating point, nominally from -1 to 1",
                t->array.name, npy_dtype_name(t->array.dtype));
  return tensor_to_floats(t, values, error);
}

mote_status tensor_to_int32s(const tensor *t, int32_t **values, mote_error *error) {
  *values = malloc((t->array.element_count ? t->array.element_count : 1) * sizeof **values);
  if (!*values)
    return fail(error, MOTE_ERROR_MEMORY, "%s: no memory for %zu numbers", t->array.name, t->array.element_count);
  mote_status status = npy_to_int32(&t->array, *values, error);
  if (status) {
    free(*values);
    *values = NULL;
  }
  return status;
}

mote_status tensor_to_one_hot(const tensor *tensor, uint64_t count, int length, float **values, mote_error *error) {
  int32_t *classes = NULL;
  *values = NULL;
  if (!length)
    return fail(error, MOTE_ERROR_FORMAT, "%s: found classes, expected none: the model takes no contexts", tensor->array.name);
  TRY(tensor_check_shape(tensor, &count, 1, error));
  TRY(tensor_to_int32s(tensor, &classes, error));
  mote_status status = MOTE_OK;
  float *rows = calloc(count * (size_t)length, sizeof *rows);
  if (!rows) status = fail(error, MOTE_ERROR_MEMORY, "no memory for %" PRIu64 " contexts", count);
  for (uint64_t i = 0; i < count && !status; i++) {
    if (classes[i] < 0 || classes[i] >= length)
      status = fail(error, MOTE_ERROR_FORMAT, "%s: found class %" PRId32 " at element %" PRIu64 ", expected 0 to %d",
                    tensor->array.name, classes[i], i, length - 1);
    else
      rows[i * (size_t)length + (size_t)classes[i]] = 1;
  }
  free(classes);
  if (status)
    free(rows);
  else
    *values = rows;
  return status;
}
