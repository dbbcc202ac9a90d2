// gif.c: writes a row of equally large images as a GIF animation.
#include "tools/images/gif.h"

#include <gif_lib.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/error.h"
#include "runtime/list.h"
#include "tools/images/image.h"
#include "tools/images/palette.h"

#define GIF_COLOURS 256

static int gif_scale(const gif_desc *desc) { return desc->scale ? desc->scale : 1; }

mote_status gif_check(const gif_desc *desc, mote_error *error) {
  int64_t width = (int64_t)desc->width * gif_scale(desc), height = (int64_t)desc->height * gif_scale(desc);
  if (width > 65535 || height > 65535)
    return fail(error, MOTE_ERROR_USAGE,
                "--gif: found frames of %lld x %lld pixels, expected at most 65535 a side; lower -n or --scale",
                (long long)width, (long long)height);
  return MOTE_OK;
}

// GIF knows opaque RGB only: grey is repeated, alpha is composited on white.
static void frame_to_rgb(const uint8_t *pixels, size_t count, int channels, uint8_t *rgb) {
  for (size_t i = 0; i < count; i++) {
    const uint8_t *pixel = pixels + i * (size_t)channels;
    int alpha = channels % 2 ? 255 : pixel[channels - 1];
    for (int c = 0; c < 3; c++) {
      int value = pixel[channels < 3 ? 0 : c];
      rgb[3 * i + (size_t)c] = (uint8_t)((value * alpha + 255 * (255 - alpha) + 127) / 255);
    }
  }
}

typedef struct gif_bytes {
  uint8_t *data;
  size_t bytes, capacity;
} gif_bytes;

static int append_bytes(GifFileType *file, const GifByteType *data, int bytes) {
  gif_bytes *out = file->UserData;
  if (!list_reserve(&out->data, &out->capacity, out->bytes + (size_t)bytes, 1)) return 0;
  memcpy(out->data + out->bytes, data, (size_t)bytes);
  out->bytes += (size_t)bytes;
  return bytes;
}

static ColorMapObject *make_color_map(const palette *palette) {
  ColorMapObject *map = GifMakeMapObject(GIF_COLOURS, NULL);  // zeroed
  for (int i = 0; map && i < palette->count; i++)
    map->Colors[i] = (GifColorType){palette->colours[i][0], palette->colours[i][1], palette->colours[i][2]};
  return map;
}

// The header, the palette, and the extension that Netscape 2.0 brought for loops: count 0, for ever.
static bool put_header(GifFileType *file, const gif_desc *desc, const palette *palette) {
  ColorMapObject *map = make_color_map(palette);
  if (!map) return false;
  EGifSetGifVersion(file, true);
  bool done =
      EGifPutScreenDesc(file, desc->width * gif_scale(desc), desc->height * gif_scale(desc), 8, 0, map) == GIF_OK &&
      EGifPutExtensionLeader(file, APPLICATION_EXT_FUNC_CODE) == GIF_OK &&
      EGifPutExtensionBlock(file, 11, "NETSCAPE2.0") == GIF_OK &&
      EGifPutExtensionBlock(file, 3, (const unsigned char[]){1, 0, 0}) == GIF_OK &&
      EGifPutExtensionTrailer(file) == GIF_OK;
  GifFreeMapObject(map);
  return done;
}

// Noise has so many colours that mapping them is most of the work; neighbours in time share enough of them for a
// small table of the latest answers to pay.
typedef struct nearest_cache {
  uint32_t keys[4096];  // colour + 1; 0: empty
  uint8_t indices[4096];
} nearest_cache;

static uint8_t nearest_index(nearest_cache *cache, const palette *palette, const uint8_t *rgb) {
  uint32_t key = rgb[0] + 256u * rgb[1] + 65536u * rgb[2];
  uint32_t slot = key * 2654435761u >> 20;
  if (cache->keys[slot] != key + 1) {
    cache->keys[slot] = key + 1;
    cache->indices[slot] = (uint8_t)palette_nearest(palette, rgb);
  }
  return cache->indices[slot];
}

typedef struct frame_writer {
  GifFileType *file;
  const gif_desc *desc;
  const palette *palette;
  nearest_cache *cache;
  uint8_t *line;  // width × scale
} frame_writer;

static bool put_frame(const frame_writer *w, const uint8_t *rgb, int delay) {
  int scale = gif_scale(w->desc), width = w->desc->width * scale, height = w->desc->height * scale;
  GraphicsControlBlock control = {
      .DisposalMode = DISPOSE_DO_NOT, .DelayTime = delay, .TransparentColor = NO_TRANSPARENT_COLOR};
  GifByteType packed[4];
  size_t bytes = EGifGCBToExtension(&control, packed);
  if (EGifPutExtension(w->file, GRAPHICS_EXT_FUNC_CODE, (int)bytes, packed) != GIF_OK ||
      EGifPutImageDesc(w->file, 0, 0, width, height, false, NULL) != GIF_OK)
    return false;
  for (int y = 0; y < height; y++) {
    const uint8_t *row = rgb + (size_t)(y / scale) * (size_t)w->desc->width * 3;
    if (y % scale == 0)
      for (int x = 0; x < width; x++) w->line[x] = nearest_index(w->cache, w->palette, row + 3 * (size_t)(x / scale));
    // giflib clears the pixels' unused high bits in place; with 8 bits it changes none, so the line stays good.
    if (EGifPutLine(w->file, w->line, width) != GIF_OK) return false;
  }
  return true;
}

static mote_status build_palette(const gif_desc *desc, const uint8_t *rgb, palette *palette, mote_error *error) {
  size_t pixels = (size_t)desc->width * (size_t)desc->height;
  size_t others = (size_t)desc->frame_count - 1;
  palette_source sources[2] = {
      {.pixels = rgb + others * pixels * 3, .count = pixels, .weight = others ? (uint32_t)others : 1},
      {.pixels = rgb, .count = others * pixels, .weight = 1},
  };
  return palette_build(sources, 2, 3, GIF_COLOURS, palette, error);
}

static bool put_frames(const frame_writer *w, const uint8_t *rgb) {
  const gif_desc *desc = w->desc;
  size_t frame_bytes = (size_t)desc->width * (size_t)desc->height * 3;
  int delay = desc->delay ? desc->delay : 6, last_delay = desc->last_delay ? desc->last_delay : 200;
  for (int f = 0; f < desc->frame_count; f++)
    if (!put_frame(w, rgb + (size_t)f * frame_bytes, f + 1 < desc->frame_count ? delay : last_delay)) return false;
  return true;
}

mote_status gif_encode(const gif_desc *desc, uint8_t **gif, size_t *bytes, mote_error *error) {
  TRY(gif_check(desc, error));
  size_t pixels = (size_t)desc->width * (size_t)desc->height;
  mote_status status = MOTE_OK;
  gif_bytes out = {0};
  palette palette;
  frame_writer writer = {.desc = desc, .palette = &palette};
  uint8_t *rgb = malloc((size_t)desc->frame_count * pixels * 3);
  writer.cache = calloc(1, sizeof *writer.cache);
  writer.line = malloc((size_t)desc->width * (size_t)gif_scale(desc));
  bool done = false;
  int code = 0;
  if (!rgb || !writer.cache || !writer.line) {
    status = fail(error, MOTE_ERROR_MEMORY, "--gif: no memory for %d frames", desc->frame_count);
    goto end;
  }
  for (int f = 0; f < desc->frame_count; f++)
    frame_to_rgb(desc->frames[f], pixels, desc->channels, rgb + (size_t)f * pixels * 3);
  TRY_GOTO(end, build_palette(desc, rgb, &palette, error));
  writer.file = EGifOpen(&out, append_bytes, &code);
  done = writer.file && put_header(writer.file, desc, &palette) && put_frames(&writer, rgb);
  if (writer.file && EGifCloseFile(writer.file, &code) != GIF_OK) done = false;
  if (!done) status = fail(error, MOTE_ERROR_MEMORY, "--gif: giflib could not encode %d frames", desc->frame_count);
end:
  free(rgb);
  free(writer.cache);
  free(writer.line);
  if (status) free(out.data);
  *gif = status ? NULL : out.data;
  *bytes = status ? 0 : out.bytes;
  return status;
}

mote_status gif_write(const gif_desc *desc, file_writer *writer, mote_error *error) {
  uint8_t *gif = NULL;
  size_t bytes = 0;
  TRY(gif_encode(desc, &gif, &bytes, error));
  mote_status status = file_writer_write(writer, gif, bytes, error);
  free(gif);
  TRY(status);
  return writer_flush(writer, error);
}
