// dataset_npy.c: images from an array, grey (N,H,W), or (N,H,W,C) or (N,C,H,W), of bytes or of numbers in a known range.
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/error.h"
#include "tools/data/dataset.h"
#include "tools/data/tensor.h"
#include "tools/images/image_read.h"

#define SHAPES "(N, H, W) of grey, (N, H, W, C) or (N, C, H, W), with 1 to 4 channels"

const char *const dataset_ranges[] = {
    [DATASET_RANGE_AUTO] = "auto", [DATASET_RANGE_0_1] = "0-1", [DATASET_RANGE_0_255] = "0-255",
    [DATASET_RANGE_1_1] = "-1-1",  NULL};

// Where pixel p of image i has channel c: i × size + p × pixel_step + c × channel_step.
typedef struct layout {
  uint64_t count, height, width, channels;
  uint64_t size, pixel_step, channel_step;
} layout;

static bool is_channels(uint64_t dim) {
  return dim >= 1 && dim <= 4;
}

// Where both ends may be channels, the reading that makes squares is meant; last for either.
static bool is_channels_first(const npy_array *array) {
  const uint64_t *d = array->dims;
  return array->dim_count == 4 && is_channels(d[1]) && (!is_channels(d[3]) || (d[1] != d[2] && d[2] == d[3]));
}

static bool is_ambiguous(const npy_array *array) {
  const uint64_t *d = array->dims;
  return array->dim_count == 4 && is_channels(d[1]) && is_channels(d[3]) && d[1] != d[2] && d[2] != d[3];
}

static layout layout_of(const npy_array *array) {
  const uint64_t *d = array->dims;
  layout l = {.count = d[0], .channels = 1, .pixel_step = 1};
  const bool first = is_channels_first(array);
  l.height = d[first ? 2 : 1];
  l.width = d[first ? 3 : 2];
  if (array->dim_count == 4) l.channels = d[first ? 1 : 3];
  if (array->dim_count == 4 && !first) l.pixel_step = l.channels;
  l.channel_step = first ? l.height * l.width : 1;
  l.size = l.height * l.width * l.channels;
  return l;
}

// Images that were laid out as one row each, as tables have them.
static mote_status fail_shape(const npy_array *array, mote_error *error) {
  static const uint64_t channels[] = {1, 3, 4};
  static const char *const planes[] = {"", " 3,", " 4,"};
  char found[192], cure[96] = "";
  tensor_format_shape(array, found, sizeof found);
  for (int i = 0; array->dim_count == 2 && i < 3 && !*cure; i++)
    for (uint64_t side = 4; side <= 1024; side++) {
      if (side * side * channels[i] != array->dims[1]) continue;
      snprintf(cure, sizeof cure, "; x.reshape(-1,%s %d, %d) makes images of rows", planes[i], (int)side, (int)side);
    }
  return fail(error, MOTE_ERROR_FORMAT, "%s: found %d dimensions, shape %s, expected " SHAPES "%s", array->name,
              array->dim_count, found, cure);
}

mote_status dataset_check_array(const dataset_builder *builder, const npy_array *array, mote_error *error) {
  if (array->dim_count != 3 && array->dim_count != 4) return fail_shape(array, error);
  if (!array->element_count)
    return fail(error, MOTE_ERROR_FORMAT, "%s: found an empty array, expected images", array->name);
  const layout l = layout_of(array);
  char found[192];
  tensor_format_shape(array, found, sizeof found);
  if (is_ambiguous(array))
    return fail(error, MOTE_ERROR_FORMAT, "%s: found shape %s, whose channels may be first or last, expected one that tells; "
                "numpy.pad makes images larger", array->name, found);
  if (!is_channels(l.channels) || l.width > IMAGE_READ_MAX_SIDE || l.height > IMAGE_READ_MAX_SIDE)
    return fail(error, MOTE_ERROR_FORMAT,
                "%s: found images of %" PRIu64 " x %" PRIu64 " pixels and %" PRIu64
                " channels, expected at most %d a side, and 1 to 4 channels last: " SHAPES,
                array->name, l.width, l.height, l.channels, IMAGE_READ_MAX_SIDE);
  const uint64_t across = (uint64_t)builder->desc->size[0], down = (uint64_t)builder->desc->size[1];
  const uint64_t pixels = across ? across * down : l.width * l.height;
  if (l.count <= DATASET_MAX_BYTES / 4 / pixels) return MOTE_OK;
  return fail(error, MOTE_ERROR_FORMAT, "%s: found %" PRIu64 " images, expected less than %zu MiB of pixels in all", array->name,
              l.count, DATASET_MAX_BYTES >> 20);
}

// ---------------------------------------------------------------------------------------------------------------------
// Numbers to bytes

typedef struct range {
  double least, most;
} range;

static const range ranges[] = {
    [DATASET_RANGE_0_1] = {0, 1}, [DATASET_RANGE_0_255] = {0, 255}, [DATASET_RANGE_1_1] = {-1, 1}};

static mote_status measure(const npy_array *array, range *found, mote_error *error) {
  *found = (range){INFINITY, -INFINITY};
  for (size_t i = 0; i < array->element_count; i++) {
    const double value = npy_element(array, i);
    if (!isfinite(value))
      return fail(error, MOTE_ERROR_FORMAT, "%s: found %g at element %zu, expected finite numbers; numpy.nan_to_num(x) has none",
                  array->name, value, i);
    if (value < found->least) found->least = value;
    if (value > found->most) found->most = value;
  }
  return MOTE_OK;
}

// Which numbers are black and white: what was asked for, or what can be nothing else.
static mote_status settle_range(const npy_array *array, dataset_range asked, range *r, mote_error *error) {
  range found;
  if (array->dtype == NPY_U1 && asked == DATASET_RANGE_AUTO) {
    *r = ranges[DATASET_RANGE_0_255];
    return MOTE_OK;
  }
  TRY(measure(array, &found, error));
  const bool is_float = npy_dtype_is_float(array->dtype);
  dataset_range taken = asked;
  if (taken == DATASET_RANGE_AUTO)
    taken = array->dtype == NPY_B1 ? DATASET_RANGE_0_1 : !is_float ? DATASET_RANGE_0_255 : DATASET_RANGE_1_1;
  if (asked == DATASET_RANGE_AUTO && is_float && found.least >= 0)
    return fail(error, MOTE_ERROR_FORMAT,
                "%s: found floats (dtype %s) from %g to %g, which do not tell the number of white: --range 0-1 or --range 0-255 "
                "does, or save bytes: x.astype('uint8')",
                array->name, npy_dtype_name(array->dtype), found.least, found.most);
  *r = ranges[taken];
  if (found.least >= r->least && found.most <= r->most) return MOTE_OK;
  return fail(error, MOTE_ERROR_FORMAT,
              "%s: found numbers from %g to %g (dtype %s), expected %g to %g; --range says otherwise, or scale them to bytes: "
              "(255 * (x - x.min()) / (x.max() - x.min())).astype('uint8')",
              array->name, found.least, found.most, npy_dtype_name(array->dtype), r->least, r->most);
}

// Grey becomes three equal colours, absent alpha opaque.
static void to_rgba(const npy_array *array, const layout *l, const range *r, uint64_t image, uint8_t *rgba) {
  const int channels = (int)l->channels;
  const bool plain = array->dtype == NPY_U1 && !array->fortran_order && r->most == 255;
  for (uint64_t p = 0; p < l->height * l->width; p++, rgba += 4) {
    uint8_t bytes[4] = {0};
    for (int c = 0; c < channels; c++) {
      const size_t at = (size_t)(image * l->size + p * l->pixel_step + (uint64_t)c * l->channel_step);
      bytes[c] = plain ? array->data[at]
                       : (uint8_t)floor(255 * (npy_element(array, at) - r->least) / (r->most - r->least) + 0.5);
    }
    for (int c = 0; c < 3; c++) rgba[c] = bytes[channels >= 3 ? c : 0];
    rgba[3] = channels % 2 ? 255 : bytes[channels - 1];
  }
}

static mote_status add_images(dataset_builder *builder, const npy_array *array, const int *labels, mote_error *error) {
  const layout l = layout_of(array);
  range r = {0, 0};
  TRY(settle_range(array, builder->desc->range, &r, error));
  image picture = {.width = (int)l.width, .height = (int)l.height, .channels = 4};
  picture.pixels = malloc((size_t)(l.width * l.height) * 4);
  if (!picture.pixels) return fail(error, MOTE_ERROR_MEMORY, "%s: no memory for an image", array->name);
  mote_status status = MOTE_OK;
  for (uint64_t i = 0; i < l.count && !status; i++) {
    char name[512];
    snprintf(name, sizeof name, "%.400s: image %" PRIu64, array->name, i);
    to_rgba(array, &l, &r, i, picture.pixels);
    status = dataset_append(builder, &picture, (int)l.channels, labels ? labels[i] : -1, name, error);
  }
  image_finish(&picture);
  return status;
}

// A row of numbers an image, as they are.
static mote_status read_contexts(dataset_builder *builder, uint64_t count, mote_error *error) {
  dataset *set = builder->set;
  tensor file;
  uint64_t dims[] = {count, 0};
  if (builder->desc->labels)
    return fail(error, MOTE_ERROR_USAGE, "--contexts: found --labels too, expected one of them");
  TRY(tensor_init(&file, builder->desc->contexts, error));
  mote_status status = tensor_check_shape(&file, dims, 2, error);
  if (!status && file.array.dims[1] > MOTE_MAX_CONTEXT)
    status = fail(error, MOTE_ERROR_FORMAT, "%s: found %" PRIu64 " numbers an image, expected 1 to %d", file.array.name,
                  file.array.dims[1], MOTE_MAX_CONTEXT);
  if (!status) status = tensor_to_floats(&file, &set->contexts, error);
  if (!status) set->context_length = (int)file.array.dims[1];
  tensor_finish(&file);
  return status;
}

mote_status dataset_add_array(dataset_builder *builder, const npy_array *images, const npy_array *labels, mote_error *error) {
  tensor file = {.bytes = NULL};
  int *classes = NULL;
  mote_status status = dataset_check_array(builder, images, error);
  builder->from_array = true;
  builder->set->class_hint = "--labels y.npy would give them, --contexts c.npy numbers";
  if (!status && builder->desc->contexts) status = read_contexts(builder, images->dims[0], error);
  if (!status && builder->desc->labels) {
    status = tensor_init(&file, builder->desc->labels, error);
    labels = &file.array;
  }
  if (!status && labels) status = dataset_read_labels(builder->set, labels, images->dims[0], &classes, error);
  if (!status) status = add_images(builder, images, classes, error);
  free(classes);
  tensor_finish(&file);
  return status;
}

mote_status dataset_read_npy(dataset_builder *builder, const char *path, const uint8_t *bytes, size_t count,
                             mote_error *error) {
  npy_array array;
  TRY(npy_parse(path, bytes, count, &array, error));
  return dataset_add_array(builder, &array, NULL, error);
}
