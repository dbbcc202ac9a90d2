// image_read.c: reads image files, and turns RGBA into the channels that a model has.
#include "tools/images/image_read.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "runtime/error.h"
#include "tools/images/image_orient.h"

#define FILE_MAX_BYTES ((size_t)1 << 28)
#define MAX_PIXELS (1 << 26)

// To add a format: a file like image_png.c, a line here, and a row in runtime/file_kind.c.
static const image_format *const formats[] = {&png_format, &jpeg_format, &webp_format};
#define FORMAT_COUNT (sizeof formats / sizeof formats[0])

static const image_format *find_format(const file_kind *kind) {
  for (size_t i = 0; kind && i < FORMAT_COUNT; i++)
    if (!strcmp(kind->format, formats[i]->format)) return formats[i];
  return NULL;
}

bool image_kind_is_read(const file_kind *kind) {
  const image_format *format = find_format(kind);
  return format && format->decode;
}

bool image_name_is_read(const char *name) {
  size_t length = strlen(name);
  for (size_t i = 0; i < FORMAT_COUNT; i++)
    for (const char *const *e = formats[i]->extensions; formats[i]->decode && *e; e++)
      if (length > strlen(*e) && !strcasecmp(name + length - strlen(*e), *e)) return true;
  return false;
}

const char *image_kind_left_out(const file_kind *kind) {
  const image_format *format = find_format(kind);
  return format ? format->left_out : kind ? kind->format : "other";
}

mote_status image_create_rgba(const encoded_image *file, uint64_t width, uint64_t height, image *image, mote_error *error) {
  if (width > IMAGE_READ_MAX_SIDE || height > IMAGE_READ_MAX_SIDE || width * height > MAX_PIXELS)
    return fail(error, MOTE_ERROR_FORMAT,
                "%s: has %" PRIu64 " x %" PRIu64 " pixels, expected at most %d a side and %d in all", file->name, width,
                height, IMAGE_READ_MAX_SIDE, MAX_PIXELS);
  *image = (struct image){.width = (int)width, .height = (int)height, .channels = 4};
  image->pixels = calloc((size_t)(width * height), 4);
  if (image->pixels) return MOTE_OK;
  return fail(error, MOTE_ERROR_MEMORY, "%s: no memory for its %" PRIu64 " x %" PRIu64 " pixels", file->name, width, height);
}

mote_status image_fail_damaged(const encoded_image *file, const char *format, const char *reason, mote_error *error) {
  return fail(error, MOTE_ERROR_FORMAT, "%s: a damaged or cut-off %s image (%s)", file->name, format, reason);
}

mote_status image_decode(const char *name, uint8_t *bytes, size_t count, image *image, int *file_channels,
                         mote_error *error) {
  const encoded_image file = {name, bytes, count};
  const file_kind *kind = file_kind_of(bytes, count);
  const image_format *format = find_format(kind);
  *image = (struct image){0};
  if (!count) return fail(error, MOTE_ERROR_FORMAT, "%s: is empty, expected an image", name);
  if (!kind) return fail(error, MOTE_ERROR_FORMAT, "%s: does not begin as an image does", name);
  if (!format) return fail(error, MOTE_ERROR_FORMAT, "%s: is %s, which is not read; %s", name, kind->what, kind->cure);
  if (!format->decode)
    return fail(error, MOTE_ERROR_FORMAT, "%s: is %s, and this mote was built without %s; %s", name, kind->what,
                format->library, kind->cure);
  const int orientation = image_orientation(&file);  // before a decoder may change the bytes
  TRY(format->decode(&file, image, file_channels, error));
  mote_status status = image_set_upright(&file, orientation, image, error);
  if (status) image_finish(image);
  return status;
}

mote_status image_read(const char *path, image *image, int *file_channels, mote_error *error) {
  *image = (struct image){0};
  uint8_t *bytes = NULL;
  size_t count = 0;
  TRY(file_read(path, FILE_MAX_BYTES, &bytes, &count, error));
  mote_status status = image_decode(path, bytes, count, image, file_channels, error);
  free(bytes);
  return status;
}

void pixels_convert(const uint8_t *rgba, size_t count, int channels, const uint8_t *background, uint8_t *out) {
  for (size_t i = 0; i < count; i++, rgba += 4, out += channels) {
    if (channels == 4) {
      memcpy(out, rgba, 4);
      continue;
    }
    int colour[3], alpha = channels == 2 ? 255 : rgba[3];  // where alpha is kept, colour is not mixed
    for (int c = 0; c < 3; c++) colour[c] = (rgba[c] * alpha + background[c] * (255 - alpha) + 127) / 255;
    if (channels == 3)
      for (int c = 0; c < 3; c++) out[c] = (uint8_t)colour[c];
    else
      out[0] = (uint8_t)((299 * colour[0] + 587 * colour[1] + 114 * colour[2] + 500) / 1000);
    if (channels == 2) out[1] = rgba[3];
  }
}

void pixels_premultiply(uint8_t *pixels, size_t count, int channels) {
  int colours = channels - 1;
  for (size_t i = 0; channels % 2 == 0 && i < count; i++, pixels += channels)
    for (int c = 0; c < colours; c++) pixels[c] = (uint8_t)((pixels[c] * pixels[colours] + 127) / 255);
}

void pixels_unpremultiply(uint8_t *pixels, size_t count, int channels) {
  int colours = channels - 1;
  for (size_t i = 0; channels % 2 == 0 && i < count; i++, pixels += channels) {
    int alpha = pixels[colours];
    for (int c = 0; c < colours; c++) {
      int straight = alpha ? (pixels[c] * 255 + alpha / 2) / alpha : 0;
      pixels[c] = (uint8_t)(straight < 255 ? straight : 255);
    }
  }
}
