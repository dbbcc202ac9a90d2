// dataset_npy.c: images from a .npy file (N,H,W,C), uint8, with a file of labels beside it.
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/error.h"
#include "tools/dataset.h"
#include "tools/image_read.h"
#include "tools/tensor.h"

static mote_status check_images(const npy_array *array, mote_error *error) {
  if (array->dtype != NPY_U1)
    return fail(error, MOTE_ERROR_FORMAT, "%s: found dtype %s, expected |u1 (uint8, 0 to 255)", array->name,
                npy_dtype_name(array->dtype));
  if (array->dim_count != 4)
    return fail(error, MOTE_ERROR_FORMAT, "%s: found %d dimensions, expected 4: (N, H, W, C)", array->name,
                array->dim_count);
  if (!array->element_count)
    return fail(error, MOTE_ERROR_FORMAT, "%s: found an empty array, expected images", array->name);
  if (array->dims[3] > 4 || array->dims[1] > IMAGE_READ_MAX_SIDE || array->dims[2] > IMAGE_READ_MAX_SIDE)
    return fail(error, MOTE_ERROR_FORMAT,
                "%s: found images of %" PRIu64 " x %" PRIu64 " pixels and %" PRIu64
                " channels, expected at most %d a side, and 1 to 4 channels last: (N, H, W, C)",
                array->name, array->dims[2], array->dims[1], array->dims[3], IMAGE_READ_MAX_SIDE);
  return MOTE_OK;
}

// Grey becomes three equal colours, absent alpha opaque.
static void expand(const uint8_t *pixels, size_t count, int channels, uint8_t *rgba) {
  for (size_t i = 0; i < count; i++, pixels += channels, rgba += 4) {
    for (int c = 0; c < 3; c++) rgba[c] = pixels[channels >= 3 ? c : 0];
    rgba[3] = channels % 2 ? 255 : pixels[channels - 1];
  }
}

static mote_status add_images(dataset_builder *builder, const npy_array *array, const int *labels, mote_error *error) {
  int channels = (int)array->dims[3];
  image picture = {.width = (int)array->dims[2], .height = (int)array->dims[1], .channels = 4};
  size_t pixels = (size_t)picture.width * (size_t)picture.height;
  picture.pixels = malloc(pixels * 4);
  if (!picture.pixels) return fail(error, MOTE_ERROR_MEMORY, "%s: no memory for an image", array->name);
  mote_status status = MOTE_OK;
  for (uint64_t i = 0; i < array->dims[0] && !status; i++) {
    char name[512];
    snprintf(name, sizeof name, "%.400s: image %" PRIu64, array->name, i);
    expand(array->data + i * pixels * (size_t)channels, pixels, channels, picture.pixels);
    status = dataset_append(builder, &picture, channels, labels ? labels[i] : -1, name, error);
  }
  image_finish(&picture);
  return status;
}

// Row i of a one-hot array: the place of its only 1.
static mote_status one_hot_label(const npy_array *array, const float *row, uint64_t i, int *label, mote_error *error) {
  *label = -1;
  bool fits = true;
  for (uint64_t k = 0; k < array->dims[1]; k++) {
    fits &= row[k] == 0 || (row[k] == 1 && *label < 0);
    if (row[k] == 1) *label = (int)k;
  }
  if (fits && *label >= 0) return MOTE_OK;
  return fail(error, MOTE_ERROR_FORMAT, "%s: row %" PRIu64 " is not one-hot, expected a single 1 among zeros",
              array->name, i);
}

static mote_status read_one_hot(const tensor *file, int *labels, int *class_count, mote_error *error) {
  const npy_array *array = &file->array;
  float *values = NULL;
  *class_count = (int)array->dims[1];
  if (array->dims[1] < 1 || array->dims[1] > MOTE_MAX_LABELS)
    return fail(error, MOTE_ERROR_FORMAT, "%s: found %" PRIu64 " classes, expected 1 to %d", array->name,
                array->dims[1], MOTE_MAX_LABELS);
  TRY(tensor_to_floats(file, &values, error));
  mote_status status = MOTE_OK;
  for (uint64_t i = 0; i < array->dims[0] && !status; i++)
    status = one_hot_label(array, values + i * array->dims[1], i, &labels[i], error);
  free(values);
  return status;
}

static mote_status read_integers(const tensor *file, int *labels, int *class_count, mote_error *error) {
  const npy_array *array = &file->array;
  int32_t *values = NULL;
  TRY(tensor_to_int32s(file, &values, error));
  mote_status status = MOTE_OK;
  for (uint64_t i = 0; i < array->dims[0] && !status; i++) {
    labels[i] = values[i];
    if (values[i] < 0 || values[i] >= MOTE_MAX_LABELS)
      status = fail(error, MOTE_ERROR_FORMAT, "%s: found label %" PRId32 " at element %" PRIu64 ", expected 0 to %d",
                    array->name, values[i], i, MOTE_MAX_LABELS - 1);
    if (values[i] >= *class_count) *class_count = values[i] + 1;
  }
  free(values);
  return status;
}

// Classes of a .npy file have no names but their numbers.
static mote_status read_labels(dataset *set, const char *path, uint64_t count, int **labels, mote_error *error) {
  tensor file;
  int class_count = 0;
  TRY(tensor_init(&file, path, error));
  const npy_array *array = &file.array;
  mote_status status = MOTE_OK;
  if ((array->dim_count != 1 && array->dim_count != 2) || array->dims[0] != count)
    status = fail(error, MOTE_ERROR_FORMAT,
                  "%s: found %" PRIu64 " rows of %d dimensions, expected (%" PRIu64 ",) integers or (%" PRIu64
                  ", K) one-hot",
                  path, array->dim_count ? array->dims[0] : 0, array->dim_count, count, count);
  else if (!(*labels = malloc(count * sizeof **labels)))
    status = fail(error, MOTE_ERROR_MEMORY, "%s: no memory for %" PRIu64 " labels", path, count);
  else
    status = array->dim_count == 1 ? read_integers(&file, *labels, &class_count, error)
                                   : read_one_hot(&file, *labels, &class_count, error);
  for (int i = 0; i < class_count && !status; i++) {
    char name[16];
    int length = snprintf(name, sizeof name, "%d", i), label = 0;
    status = dataset_class(set, path, name, (size_t)length, &label, error);
  }
  tensor_finish(&file);
  return status;
}

mote_status dataset_read_npy(dataset_builder *builder, const char *path, const uint8_t *bytes, size_t count,
                             mote_error *error) {
  npy_array array;
  int *labels = NULL;
  TRY(npy_parse(path, bytes, count, &array, error));
  mote_status status = check_images(&array, error);
  if (!status && builder->desc->labels)
    status = read_labels(builder->set, builder->desc->labels, array.dims[0], &labels, error);
  builder->from_array = true;
  builder->set->class_hint = "--labels y.npy would give them";
  if (!status) status = add_images(builder, &array, labels, error);
  free(labels);
  return status;
}
