// image_indexed.c: pictures of few colours as PNGs with a palette, which stb_image_write does not write: encoded by libspng.
#include "tools/images/image_indexed.h"

#include <spng.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/error.h"

typedef struct indexed {
  struct spng_plte colours;
  struct spng_trns alpha;  // of all the colours
  bool clear;              // some are not opaque
  uint8_t *indices;        // owned
} indexed;

static void to_rgba(const uint8_t *pixel, int channels, uint8_t rgba[4]) {
  for (int c = 0; c < 3; c++) rgba[c] = pixel[channels > 2 ? c : 0];
  rgba[3] = channels % 2 ? 255 : pixel[channels - 1];
}

// The colour's place, which may be a new one; -1 if there is no room.
static int place_of(indexed *out, const uint8_t rgba[4]) {
  int count = (int)out->colours.n_entries;
  for (int i = 0; i < count; i++) {
    const struct spng_plte_entry *e = &out->colours.entries[i];
    if (e->red == rgba[0] && e->green == rgba[1] && e->blue == rgba[2] && out->alpha.type3_alpha[i] == rgba[3]) return i;
  }
  if (count == PALETTE_MAX) return -1;
  out->colours.entries[count] = (struct spng_plte_entry){rgba[0], rgba[1], rgba[2], 255};
  out->alpha.type3_alpha[count] = rgba[3];
  out->colours.n_entries++;
  out->alpha.n_type3_entries++;
  out->clear |= rgba[3] != 255;
  return count;
}

// False where the picture has too many colours.
static bool find_indices(const image *image, const palette *palette, indexed *out) {
  size_t count = (size_t)image->width * (size_t)image->height, channels = (size_t)image->channels;
  uint8_t rgba[4];
  int place = 0;
  for (int i = 0; i < palette->count; i++) {
    to_rgba(palette->colours[i], palette->channels, rgba);
    place_of(out, rgba);
  }
  for (size_t i = 0; i < count; i++) {
    const uint8_t *pixel = image->pixels + i * channels;
    if (i == 0 || memcmp(pixel, pixel - channels, channels)) {
      to_rgba(pixel, image->channels, rgba);
      place = place_of(out, rgba);
    }
    if (place < 0) return false;
    out->indices[i] = (uint8_t)place;
  }
  return true;
}

static mote_status encode(const image *image, indexed *in, file_writer *writer, mote_error *error) {
  spng_ctx *context = spng_ctx_new(SPNG_CTX_ENCODER);
  if (!context) return fail(error, MOTE_ERROR_MEMORY, "%s: no memory to encode it", writer->path);
  struct spng_ihdr header = {.width = (uint32_t)image->width,
                             .height = (uint32_t)image->height,
                             .bit_depth = 8,
                             .color_type = SPNG_COLOR_TYPE_INDEXED};
  size_t bytes = 0, area = (size_t)image->width * (size_t)image->height;
  void *png = NULL;
  int code = spng_set_option(context, SPNG_ENCODE_TO_BUFFER, 1);
  if (!code) code = spng_set_ihdr(context, &header);
  if (!code) code = spng_set_plte(context, &in->colours);
  if (!code && in->clear) code = spng_set_trns(context, &in->alpha);
  if (!code) code = spng_encode_image(context, in->indices, area, SPNG_FMT_PNG, SPNG_ENCODE_FINALIZE);
  if (!code) png = spng_get_png_buffer(context, &bytes, &code);
  spng_ctx_free(context);
  mote_status status = png ? file_writer_write(writer, png, bytes, error)
                           : fail(error, MOTE_ERROR_MEMORY, "%s: cannot be encoded: %s", writer->path, spng_strerror(code));
  free(png);
  TRY(status);
  return writer_flush(writer, error);
}

mote_status image_write_png_indexed(const image *image, const palette *palette, file_writer *writer, mote_error *error) {
  if (!palette->count) return image_write_png(image, writer, error);
  indexed indexed = {.indices = malloc((size_t)image->width * (size_t)image->height)};
  if (!indexed.indices)
    return fail(error, MOTE_ERROR_MEMORY, "%s: no memory for %d x %d pixels", writer->path, image->width, image->height);
  mote_status status = find_indices(image, palette, &indexed) ? encode(image, &indexed, writer, error)
                                                              : image_write_png(image, writer, error);
  free(indexed.indices);
  return status;
}
