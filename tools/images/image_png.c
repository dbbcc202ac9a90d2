// image_png.c: decodes PNG with libspng, and checks what that leaves unchecked: palette indices, and the image data's
// end.
#include <spng.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "runtime/error.h"
#include "tools/images/image_format.h"

#define DEFLATE_MAX_RATIO 1032  // bytes that a byte of deflate can stand for

static uint32_t read_be32(const uint8_t *at) {
  return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static bool is_type(const uint8_t *chunk, const char *type) {
  return !memcmp(chunk + 4, type, 4);
}

// Moves together the chunks that pixels come from, and drops the others: colour profiles and texts, which may inflate
// to anything, and whatever follows the end. Returns what is wrong with the order, or NULL.
static const char *keep_pixel_chunks(uint8_t *bytes, size_t *count, size_t *first_data) {
  size_t kept = 8;
  bool data_ended = false;
  *first_data = 0;
  for (size_t at = 8, size; *count - at >= 12; at += size) {
    const size_t length = read_be32(bytes + at);
    if (length > *count - at - 12) break;
    size = length + 12;
    const bool is_data = is_type(bytes + at, "IDAT"), critical = !(bytes[at + 4] & 32);
    if (is_data && data_ended) return "its image data are interrupted by other chunks";
    if (is_data && !*first_data) *first_data = kept;
    data_ended = *first_data && !is_data;
    const bool ended = is_type(bytes + at, "IEND");
    if (critical || is_type(bytes + at, "tRNS")) {
      memmove(bytes + kept, bytes + at, size);
      kept += size;
    }
    if (ended) {
      *count = kept;
      return NULL;
    }
  }
  return "it ends before its last chunk";
}

// Bytes that the image data inflate to: a filter's number and the packed pixels for every line of every pass.
static size_t inflated_bytes(const struct spng_ihdr *header) {
  static const uint32_t passes[8][4] = {{0, 0, 8, 8}, {4, 0, 8, 8}, {0, 4, 4, 8}, {2, 0, 4, 4}, {0, 2, 2, 4},
                                        {1, 0, 2, 2}, {0, 1, 1, 2}, {0, 0, 1, 1}};  // x, y, step in x, in y
  static const unsigned samples[7] = {1, 0, 3, 1, 2, 0, 4};                         // by colour type
  const size_t bits = (size_t)samples[header->color_type] * header->bit_depth;
  size_t total = 0;
  for (int i = header->interlace_method ? 0 : 7; i < (header->interlace_method ? 7 : 8); i++) {
    const uint32_t *p = passes[i];
    if (header->width <= p[0] || header->height <= p[1]) continue;
    const size_t columns = (header->width - p[0] + p[2] - 1) / p[2], lines = (header->height - p[1] + p[3] - 1) / p[3];
    total += lines * (1 + (columns * bits + 7) / 8);
  }
  return total;
}

// libspng stops at the last pixel. Reads on to the checksum at the stream's end (Adler-32), in little memory.
static mote_status check_data_end(const encoded_image *file, const uint8_t *chunk, size_t expected, mote_error *error) {
  uint8_t scratch[16384];
  z_stream stream = {0};
  size_t total = 0;
  int status = Z_OK;
  if (inflateInit(&stream)) return fail(error, MOTE_ERROR_MEMORY, "%s: no memory for its image data", file->name);
  for (; is_type(chunk, "IDAT") && status == Z_OK && total <= expected; chunk += 12 + read_be32(chunk)) {
    stream.next_in = (uint8_t *)(uintptr_t)chunk + 8;
    stream.avail_in = read_be32(chunk);
    do {
      stream.next_out = scratch;
      stream.avail_out = sizeof scratch;
      status = inflate(&stream, Z_NO_FLUSH);
      total += sizeof scratch - stream.avail_out;
    } while (status == Z_OK && total <= expected && !stream.avail_out);
    if (status == Z_BUF_ERROR) status = Z_OK;  // the next chunk goes on
  }
  inflateEnd(&stream);
  if (total > expected) return image_fail_damaged(file, "PNG", "its image data go on after the last pixel", error);
  if (status == Z_OK) return image_fail_damaged(file, "PNG", "its image data have no end", error);
  return status == Z_STREAM_END ? MOTE_OK
                                : image_fail_damaged(file, "PNG", "its image data have another checksum", error);
}

static mote_status fail_spng(const encoded_image *file, int code, mote_error *error) {
  if (code == SPNG_EMEM) return fail(error, MOTE_ERROR_MEMORY, "%s: no memory for its pixels", file->name);
  return image_fail_damaged(file, "PNG", spng_strerror(code), error);
}

// Looks colours up by indices of 1 to 8 bits, of which the first in a byte is in its highest bits.
static bool look_up(const uint8_t *indices, const struct spng_ihdr *header, const struct spng_plte *palette,
                    const struct spng_trns *clear, uint8_t *rgba) {
  const size_t depth = header->bit_depth, stride = (header->width * depth + 7) / 8;
  for (size_t y = 0; y < header->height; y++, indices += stride)
    for (size_t x = 0; x < header->width; x++, rgba += 4) {
      const unsigned shift = (unsigned)(8 - depth - x * depth % 8);
      const unsigned index = indices[x * depth / 8] >> shift & ((1u << depth) - 1);
      if (index >= palette->n_entries) return false;
      const struct spng_plte_entry *colour = &palette->entries[index];
      rgba[0] = colour->red, rgba[1] = colour->green, rgba[2] = colour->blue;
      rgba[3] = index < clear->n_type3_entries ? clear->type3_alpha[index] : 255;
    }
  return true;
}

// libspng takes an index that is beyond the palette for black.
static mote_status decode_palette(const encoded_image *file, spng_ctx *context, const struct spng_ihdr *header,
                                  uint8_t *rgba, mote_error *error) {
  struct spng_plte palette = {0};
  struct spng_trns clear = {0};
  size_t bytes = 0;
  int code = spng_get_plte(context, &palette);
  if (!code) code = spng_decoded_image_size(context, SPNG_FMT_PNG, &bytes);
  if (spng_get_trns(context, &clear)) clear.n_type3_entries = 0;
  uint8_t *indices = code ? NULL : calloc(bytes, 1);
  if (!code && !indices) code = SPNG_EMEM;
  if (!code) code = spng_decode_image(context, indices, bytes, SPNG_FMT_PNG, 0);
  mote_status status = code ? fail_spng(file, code, error) : MOTE_OK;
  if (!status && !look_up(indices, header, &palette, &clear, rgba))
    status = fail(error, MOTE_ERROR_FORMAT, "%s: a pixel's index is beyond the palette of %u colours", file->name,
                  (unsigned)palette.n_entries);
  free(indices);
  return status;
}

static mote_status decode_pixels(const encoded_image *file, spng_ctx *context, const struct spng_ihdr *header,
                                 image *image, mote_error *error) {
  if (header->color_type == SPNG_COLOR_TYPE_INDEXED) return decode_palette(file, context, header, image->pixels, error);
  const size_t bytes = (size_t)image->width * (size_t)image->height * 4;
  const int code = spng_decode_image(context, image->pixels, bytes, SPNG_FMT_RGBA8, SPNG_DECODE_TRNS);
  return code ? fail_spng(file, code, error) : MOTE_OK;
}

static int count_channels(spng_ctx *context, const struct spng_ihdr *header) {
  struct spng_trns clear;
  return (header->color_type & 2 ? 3 : 1) + (header->color_type & 4 || !spng_get_trns(context, &clear));
}

static mote_status read_header(const encoded_image *file, spng_ctx *context, size_t count, struct spng_ihdr *header,
                               mote_error *error) {
  spng_set_crc_action(context, SPNG_CRC_ERROR, SPNG_CRC_ERROR);
  int code = spng_set_png_buffer(context, file->bytes, count);
  if (!code) code = spng_get_ihdr(context, header);
  if (code) return fail_spng(file, code, error);
  // A few bytes that promise many pixels are not given the memory for them.
  if (inflated_bytes(header) / DEFLATE_MAX_RATIO <= count) return MOTE_OK;
  return image_fail_damaged(file, "PNG", "it is too short for its pixels", error);
}

static mote_status decode(const encoded_image *file, image *image, int *file_channels, mote_error *error) {
  *image = (struct image){0};
  size_t count = file->count, data = 0;
  const char *reason = keep_pixel_chunks(file->bytes, &count, &data);
  if (!reason && !data) reason = "it has no image data";
  if (reason) return image_fail_damaged(file, "PNG", reason, error);
  struct spng_ihdr header;
  mote_status status;
  spng_ctx *context = spng_ctx_new(0);
  if (!context) return fail_spng(file, SPNG_EMEM, error);
  TRY_GOTO(end, read_header(file, context, count, &header, error));
  TRY_GOTO(end, image_create_rgba(file, header.width, header.height, image, error));
  TRY_GOTO(end, decode_pixels(file, context, &header, image, error));
  int code = spng_decode_chunks(context);
  TRY_GOTO(end, code ? fail_spng(file, code, error) : MOTE_OK);
  TRY_GOTO(end, check_data_end(file, file->bytes + data, inflated_bytes(&header), error));
  *file_channels = count_channels(context, &header);
end:
  spng_ctx_free(context);
  if (status) image_finish(image);
  return status;
}

const image_format png_format = {"PNG", "libspng", "PNG", {".png"}, decode};
