// image_fit.c: brings RGBA images to another size: cut, filled up, or resized.
#include "tools/images/image_fit.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/error.h"

static mote_status create(image *made, int width, int height, mote_error *error) {
  *made = (image){.width = width, .height = height, .channels = 4};
  made->pixels = calloc((size_t)width * (size_t)height, 4);
  return made->pixels ? MOTE_OK : fail(error, MOTE_ERROR_MEMORY, "no memory for %d x %d pixels", width, height);
}

// Where new pixel `at` of `count` covers the old line of `old_count` pixels, in units of 1/count of an old pixel.
typedef struct cover {
  int64_t begin, end;  // in units
  int first, last;     // old pixels
} cover;

static cover cover_of(int at, int count, int old_count) {
  cover c = {.begin = (int64_t)at * old_count, .end = (int64_t)(at + 1) * old_count};
  c.first = (int)(c.begin / count);
  c.last = (int)((c.end - 1) / count);
  return c;
}

// How much of old pixel `i` the cover takes, in the same units.
static int64_t overlap(const cover *c, int i, int count) {
  int64_t begin = (int64_t)i * count, end = begin + count;
  return (c->end < end ? c->end : end) - (c->begin > begin ? c->begin : begin);
}

// Integers throughout, so that every machine makes the same pixels.
static void mean_pixel(const image *source, const cover *x, int width, const cover *y, int height, uint8_t *out) {
  int64_t area = 0, alpha = 0, colour[3] = {0};
  for (int j = y->first; j <= y->last; j++)
    for (int i = x->first; i <= x->last; i++) {
      const uint8_t *pixel = source->pixels + ((size_t)j * (size_t)source->width + (size_t)i) * 4;
      int64_t weight = overlap(x, i, width) * overlap(y, j, height);
      area += weight;
      alpha += weight * pixel[3];
      for (int c = 0; c < 3; c++) colour[c] += weight * pixel[3] * pixel[c];
    }
  for (int c = 0; c < 3; c++) out[c] = alpha ? (uint8_t)((colour[c] + alpha / 2) / alpha) : 0;
  out[3] = (uint8_t)((alpha + area / 2) / area);
}

mote_status image_resize(const image *source, int width, int height, image *resized, mote_error *error) {
  TRY(create(resized, width, height, error));
  for (int j = 0; j < height; j++) {
    cover y = cover_of(j, height, source->height);
    for (int i = 0; i < width; i++) {
      cover x = cover_of(i, width, source->width);
      mean_pixel(source, &x, width, &y, height, resized->pixels + ((size_t)j * (size_t)width + (size_t)i) * 4);
    }
  }
  return MOTE_OK;
}

mote_status image_reframe(const image *source, int width, int height, image *reframed, mote_error *error) {
  TRY(create(reframed, width, height, error));
  const int left = (width - source->width) / 2, top = (height - source->height) / 2;
  const int columns = source->width < width ? source->width : width, lines = source->height < height ? source->height : height;
  for (int y = 0; y < lines; y++) {
    const int from_y = y + (top < 0 ? -top : 0), to_y = y + (top > 0 ? top : 0);
    const uint8_t *from = source->pixels + ((size_t)from_y * (size_t)source->width + (size_t)(left < 0 ? -left : 0)) * 4;
    memcpy(reframed->pixels + ((size_t)to_y * (size_t)width + (size_t)(left > 0 ? left : 0)) * 4, from, (size_t)columns * 4);
  }
  return MOTE_OK;
}
