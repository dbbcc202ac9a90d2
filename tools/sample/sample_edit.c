// sample_edit.c: the images and the mask that a run starts from, an entry for every image.
#include "tools/sample/sample_edit.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "runtime/error.h"
#include "runtime/file.h"
#include "tools/data/dataset_options.h"
#include "tools/images/image_read.h"

// A .npy or .npz file by its name or by what it holds. A pipe is not looked into, since it can be read only once.
static bool is_array(const char *path) {
  char head[FILE_KIND_BYTES];
  size_t length = strlen(path), bytes = 0;
  if (length > 4 && !strcasecmp(path + length - 4, ".npy")) return true;
  if (file_read_head(path, head, sizeof head, &bytes, NULL)) return false;
  const file_kind *kind = file_kind_of(head, bytes);
  return kind && (!strcmp(kind->format, "npy") || !strcmp(kind->format, "npz"));
}

static mote_status read_inits(sample_edit *e, const sample_options *o, mote_error *error) {
  if (o->init_count == 1 && is_array(o->inits[0])) return tensor_init(&e->npy, o->inits[0], error);
  e->pictures = calloc((size_t)o->init_count, sizeof *e->pictures);
  if (!e->pictures) return fail(error, MOTE_ERROR_MEMORY, "--init: no memory for %d images", o->init_count);
  for (int i = 0; i < o->init_count; i++) {
    int channels;
    if (is_array(o->inits[i]))
      return fail(error, MOTE_ERROR_USAGE, "--init: found %s among several, expected PNG images or one .npy alone",
                  o->inits[i]);
    TRY(image_read(o->inits[i], &e->pictures[i], &channels, error));
    e->picture_count++;
  }
  return MOTE_OK;
}

static mote_status read_files(sample_edit *e, const sample_options *o, mote_error *error) {
  int channels;
  dataset_desc colour = {0};
  if (o->background) TRY(dataset_parse_colour(o->background, &colour, error));
  memcpy(e->background, colour.background, sizeof e->background);
  if (o->init_count) TRY(read_inits(e, o, error));
  return o->mask ? image_read(o->mask, &e->mask_picture, &channels, error) : MOTE_OK;
}

mote_status sample_edit_init(sample_edit *e, const sample_options *o, mote_error *error) {
  *e = (sample_edit){0};
  mote_status status = read_files(e, o, error);
  if (status) sample_edit_finish(e);
  return status;
}

void sample_edit_finish(sample_edit *e) {
  for (int i = 0; i < e->picture_count; i++) image_finish(&e->pictures[i]);
  image_finish(&e->mask_picture);
  tensor_finish(&e->npy);
  free(e->pictures);
  free(e->init);
  free(e->mask);
  *e = (sample_edit){0};
}

uint64_t sample_edit_rows(const sample_edit *e) {
  return e->npy.array.dim_count ? e->npy.array.dims[0] : (uint64_t)e->picture_count;
}

static mote_status check_size(const char *path, const image *picture, image_size size, mote_error *error) {
  if (picture->width == size.width && picture->height == size.height) return MOTE_OK;
  return fail(error, MOTE_ERROR_FORMAT, "%s: found %d x %d pixels, expected the model's %d x %d", path, picture->width,
              picture->height, size.width, size.height);
}

// A picture's bytes as planes from -1 to 1; `image` has room for them, `bytes` for the picture.
static void to_planes(const sample_edit *e, const image *picture, const mote_model_info *model, uint8_t *bytes,
                      float *planes) {
  size_t area = (size_t)picture->width * (size_t)picture->height;
  int channels = model->channels;
  pixels_convert(picture->pixels, area, channels, e->background, bytes);
  if (model->premultiplied) pixels_premultiply(bytes, area, channels);
  for (size_t i = 0; i < area; i++)
    for (int c = 0; c < channels; c++)
      planes[(size_t)c * area + i] = (float)bytes[i * (size_t)channels + (size_t)c] / 127.5f - 1;
}

// The distinct images, one after the other.
static mote_status convert_inits(const sample_edit *e, const sample_options *o, const mote_model_info *model,
                                 float **rows, mote_error *error) {
  const image_size size = image_size_of(model);
  uint64_t dims[] = {0, (uint64_t)size.channels, (uint64_t)size.height, (uint64_t)size.width};
  if (!e->pictures) {
    TRY(tensor_check_shape(&e->npy, dims, 4, error));
    return tensor_to_image_floats(&e->npy, rows, error);
  }
  size_t each = image_values(size);
  uint8_t *bytes = malloc(each);
  *rows = malloc((size_t)e->picture_count * each * sizeof **rows);
  mote_status status = bytes && *rows ? MOTE_OK : fail(error, MOTE_ERROR_MEMORY, "--init: no memory for the images");
  for (int i = 0; i < e->picture_count && !status; i++) {
    status = check_size(o->inits[i], &e->pictures[i], size, error);
    if (!status) to_planes(e, &e->pictures[i], model, bytes, *rows + (size_t)i * each);
  }
  free(bytes);
  if (!status) return MOTE_OK;
  free(*rows);
  *rows = NULL;
  return status;
}

static mote_status deal_inits(sample_edit *e, const sample_options *o, const mote_model_info *model, int count,
                              mote_error *error) {
  float *rows = NULL;
  TRY(convert_inits(e, o, model, &rows, error));
  size_t size = image_values(image_size_of(model));
  e->init = malloc((size_t)count * size * sizeof *e->init);
  for (int i = 0; i < count && e->init; i++)
    memcpy(e->init + (size_t)i * size, rows + (size_t)((o->first + (uint64_t)i) % sample_edit_rows(e)) * size,
           size * sizeof *rows);
  free(rows);
  return e->init ? MOTE_OK : fail(error, MOTE_ERROR_MEMORY, "--init: no memory for %d images", count);
}

// Grey of the mask from half up is made anew; transparent pixels are black, and stay.
static mote_status spread_mask(sample_edit *e, const sample_options *o, const mote_model_info *model, int count,
                               mote_error *error) {
  TRY(check_size(o->mask, &e->mask_picture, image_size_of(model), error));
  size_t area = image_area(image_size_of(model)), anew = 0;
  uint8_t *grey = malloc(area);
  e->mask = malloc((size_t)count * area * sizeof *e->mask);
  if (!grey || !e->mask) {
    free(grey);
    return fail(error, MOTE_ERROR_MEMORY, "--mask: no memory for %d masks", count);
  }
  static const uint8_t black[3];
  pixels_convert(e->mask_picture.pixels, area, 1, black, grey);
  for (size_t i = 0; i < area; i++) anew += grey[i] >= 128;
  for (size_t i = 0; i < (size_t)count * area; i++) e->mask[i] = grey[i % area] >= 128;
  free(grey);
  if (anew) return MOTE_OK;
  return fail(error, MOTE_ERROR_FORMAT, "%s: found no white pixel, expected some to be made anew", o->mask);
}

mote_status sample_edit_fit(sample_edit *e, const sample_options *o, const mote_model_info *model, int count,
                            mote_error *error) {
  if (o->init_count) TRY(deal_inits(e, o, model, count, error));
  return o->mask ? spread_mask(e, o, model, count, error) : MOTE_OK;
}
