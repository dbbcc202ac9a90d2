// image.c: lays images out in a grid, enlarges them, writes them as PNG.
#include "tools/images/image.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/error.h"
#include "runtime/list.h"

// The one file that holds stb_image_write's code; its warnings are not ours.
#if defined(__GNUC__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wmissing-field-initializers"
#endif
#define STB_IMAGE_WRITE_IMPLEMENTATION
#define STBI_WRITE_NO_STDIO
#include <stb/stb_image_write.h>
#if defined(__GNUC__)
#pragma GCC diagnostic pop
#endif

void image_finish(image *image) {
  free(image->pixels);
  *image = (struct image){0};
}

image_size image_size_of(const mote_model_info *model) {
  return (image_size){model->width ? model->width : model->height, model->height, model->channels};
}

size_t image_area(image_size size) { return (size_t)size.width * (size_t)size.height; }

size_t image_values(image_size size) { return image_area(size) * (size_t)size.channels; }

int grid_columns(int count) {
  int columns = 1;
  while ((int64_t)columns * columns < count) columns++;
  return columns;
}

static int grid_scale(const image_grid_desc *desc) { return desc->scale ? desc->scale : 1; }

image_grid_size image_grid_measure(const image_grid_desc *desc) {
  const int64_t width = (int64_t)desc->tile.width * grid_scale(desc), height = (int64_t)desc->tile.height * grid_scale(desc);
  int columns = desc->columns ? desc->columns : grid_columns(desc->count);
  if (columns > desc->count) columns = desc->count;
  int rows = (int)(((int64_t)desc->count + columns - 1) / columns);
  return (image_grid_size){.columns = columns, .width = width * columns, .height = height * rows};
}

mote_status image_grid_check(const image_grid_desc *desc, mote_error *error) {
  image_grid_size size = image_grid_measure(desc);
  int64_t width = size.width, height = size.height;
  // stb_image_write counts in int, and its deflate needs room to grow.
  if (width > 65535 || height > 65535 || width * height * desc->tile.channels > INT32_MAX / 4)
    return fail(
        error, MOTE_ERROR_USAGE,
        "--scale: found %d, which makes an image of %lld x %lld pixels; expected less than 512 MiB of pixels and "
        "65536 a side",
        grid_scale(desc), (long long)width, (long long)height);
  return MOTE_OK;
}

void image_place_tile(image *picture, const uint8_t *tile, image_size size, int scale, int column, int row) {
  const int width = size.width * scale, height = size.height * scale;
  size_t channels = (size_t)size.channels, stride = (size_t)picture->width * channels;
  uint8_t *corner = picture->pixels + (size_t)(row * height) * stride + (size_t)(column * width) * channels;
  for (int y = 0; y < height; y++)
    for (int x = 0; x < width; x++)
      memcpy(corner + (size_t)y * stride + (size_t)x * channels, tile + (size_t)(y / scale * size.width + x / scale) * channels,
             channels);
}

mote_status image_grid_init(image *image, const image_grid_desc *desc, mote_error *error) {
  *image = (struct image){0};
  TRY(image_grid_check(desc, error));
  image_grid_size size = image_grid_measure(desc);
  image->width = (int)size.width;
  image->height = (int)size.height;
  image->channels = desc->tile.channels;
  size_t bytes = (size_t)image->width * (size_t)image->height * (size_t)image->channels;
  image->pixels = malloc(bytes);
  if (!image->pixels)
    return fail(error, MOTE_ERROR_MEMORY, "no memory for an image of %d x %d pixels", image->width, image->height);
  memset(image->pixels, image->channels % 2 ? 255 : 0, bytes);
  for (int i = 0; i < desc->count; i++)
    image_place_tile(image, desc->pixels + (size_t)i * image_values(desc->tile), desc->tile, grid_scale(desc), i % size.columns,
                     i / size.columns);
  return MOTE_OK;
}

typedef struct growing_bytes {
  uint8_t *data;
  size_t bytes, capacity;
  bool out_of_memory;
} growing_bytes;

static void append_bytes(void *context, void *data, int bytes) {
  growing_bytes *out = context;
  out->out_of_memory = out->out_of_memory || !list_reserve(&out->data, &out->capacity, out->bytes + (size_t)bytes, 1);
  if (out->out_of_memory) return;
  memcpy(out->data + out->bytes, data, (size_t)bytes);
  out->bytes += (size_t)bytes;
}

mote_status image_encode_png(const image *image, uint8_t **png, size_t *bytes, mote_error *error) {
  growing_bytes out = {0};
  int done = stbi_write_png_to_func(append_bytes, &out, image->width, image->height, image->channels, image->pixels,
                                    image->width * image->channels);
  if (!done || out.out_of_memory || !out.data) {
    free(out.data);
    return fail(error, MOTE_ERROR_MEMORY, "no memory to encode an image of %d x %d pixels", image->width,
                image->height);
  }
  *png = out.data;
  *bytes = out.bytes;
  return MOTE_OK;
}

mote_status writer_flush(file_writer *writer, mote_error *error) {
  if (fflush(writer->stream))
    return fail(error, MOTE_ERROR_FILE, "%s: cannot write: %s", writer->path, strerror(errno));
  return MOTE_OK;
}

mote_status image_write_png(const image *image, file_writer *writer, mote_error *error) {
  uint8_t *png = NULL;
  size_t bytes = 0;
  TRY(image_encode_png(image, &png, &bytes, error));
  mote_status status = file_writer_write(writer, png, bytes, error);
  free(png);
  TRY(status);
  return writer_flush(writer, error);
}
