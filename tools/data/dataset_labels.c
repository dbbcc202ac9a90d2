// dataset_labels.c: the classes of a data set from an array: integers (N,) or (N,1), or one-hot (N,K).
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/error.h"
#include "tools/data/dataset.h"
#include "tools/data/tensor.h"

#define NUMBERED "numpy.unique(y, return_inverse=True)[1] numbers classes from 0"

static bool is_one_hot(const npy_array *array) {
  return array->dim_count == 2 && array->dims[1] != 1;
}

mote_status dataset_check_labels(const npy_array *array, uint64_t count, mote_error *error) {
  char found[192];
  tensor_format_shape(array, found, sizeof found);
  if ((array->dim_count != 1 && array->dim_count != 2) || array->dims[0] != count)
    return fail(error, MOTE_ERROR_FORMAT,
                "%s: found %" PRIu64 " rows of %d dimensions, shape %s, expected (%" PRIu64 ",) integers or (%" PRIu64
                ", K) one-hot%s",
                array->name, array->dim_count ? array->dims[0] : 0, array->dim_count, found, count, count,
                array->element_count == count ? "; y.ravel() makes one dimension of it" : "");
  if (is_one_hot(array) && (array->dims[1] < 1 || array->dims[1] > MOTE_MAX_LABELS))
    return fail(error, MOTE_ERROR_FORMAT, "%s: found %" PRIu64 " classes, expected 1 to %d", array->name, array->dims[1],
                MOTE_MAX_LABELS);
  if (is_one_hot(array) || !npy_dtype_is_float(array->dtype)) return MOTE_OK;
  return fail(error, MOTE_ERROR_FORMAT, "%s: found dtype %s, expected integers; save %s.astype(int)", array->name,
              npy_dtype_name(array->dtype), array->dim_count == 1 ? "y" : "y.ravel()");
}

// Row i of a one-hot array: the place of its only 1.
static mote_status one_hot_label(const npy_array *array, uint64_t i, int *label, mote_error *error) {
  *label = -1;
  bool fits = true;
  for (uint64_t k = 0; k < array->dims[1]; k++) {
    const double value = npy_element(array, i * array->dims[1] + k);
    fits &= value == 0 || (value == 1 && *label < 0);
    if (value == 1) *label = (int)k;
  }
  if (fits && *label >= 0) return MOTE_OK;
  return fail(error, MOTE_ERROR_FORMAT,
              "%s: row %" PRIu64 " is not one-hot, expected a single 1 among zeros; y.argmax(axis=1) is the largest's place",
              array->name, i);
}

static mote_status integer_label(const npy_array *array, uint64_t i, int *label, mote_error *error) {
  const double value = npy_element(array, i);
  if (value < 0 || value >= MOTE_MAX_LABELS)
    return fail(error, MOTE_ERROR_FORMAT, "%s: found label %.0f at element %" PRIu64 ", expected 0 to %d; " NUMBERED,
                array->name, value, i, MOTE_MAX_LABELS - 1);
  *label = (int)value;
  return MOTE_OK;
}

// Classes of an array have no names but their numbers.
static mote_status name_classes(dataset *set, const char *where, int count, mote_error *error) {
  for (int i = 0; i < count; i++) {
    char name[16];
    int length = snprintf(name, sizeof name, "%d", i), label = 0;
    TRY(dataset_class(set, where, name, (size_t)length, &label, error));
  }
  return MOTE_OK;
}

mote_status dataset_read_labels(dataset *set, const npy_array *array, uint64_t count, int **labels, mote_error *error) {
  TRY(dataset_check_labels(array, count, error));
  *labels = malloc(count * sizeof **labels + 1);
  if (!*labels) return fail(error, MOTE_ERROR_MEMORY, "%s: no memory for %" PRIu64 " labels", array->name, count);
  mote_status status = MOTE_OK;
  const bool one_hot = is_one_hot(array);
  int class_count = one_hot ? (int)array->dims[1] : 0;
  for (uint64_t i = 0; i < count && !status; i++) {
    status = one_hot ? one_hot_label(array, i, &(*labels)[i], error) : integer_label(array, i, &(*labels)[i], error);
    if (!status && (*labels)[i] >= class_count) class_count = (*labels)[i] + 1;
  }
  if (!status) status = name_classes(set, array->name, class_count, error);
  if (!status) return MOTE_OK;
  free(*labels);
  *labels = NULL;
  return status;
}
