// image_orient.c: EXIF's orientation (CIPA DC-008, 4.6.4): found in PNG, JPEG and WebP files, and undone.
#include "tools/images/image_orient.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/error.h"

enum { TAG_ORIENTATION = 0x0112, TYPE_SHORT = 3 };

typedef struct bytes {
  const uint8_t *data;
  size_t count;
} bytes;

// A number of `width` bytes; beyond the end 0.
static uint32_t number(bytes b, size_t at, int width, bool big_endian) {
  uint32_t value = 0;
  if (at > b.count || b.count - at < (size_t)width) return 0;
  for (int i = 0; i < width; i++) value |= (uint32_t)b.data[at + (size_t)i] << 8 * (big_endian ? width - 1 - i : i);
  return value;
}

static bool begins(bytes b, size_t at, const char *text, size_t length) {
  return at <= b.count && b.count - at >= length && !memcmp(b.data + at, text, length);
}

static bytes part(bytes b, size_t at, size_t count) {
  if (at > b.count || count > b.count - at) return (bytes){0};
  return (bytes){b.data + at, count};
}

// A TIFF file's first directory.
static int read_orientation(bytes b) {
  if (begins(b, 0, "Exif\0\0", 6)) b = part(b, 6, b.count - 6);
  bool big_endian = begins(b, 0, "MM\0*", 4);
  if (!big_endian && !begins(b, 0, "II*\0", 4)) return 1;
  size_t at = number(b, 4, 4, big_endian);
  const uint32_t count = number(b, at, 2, big_endian);
  at += 2;
  for (uint32_t i = 0; i < count; i++, at += 12) {
    if (number(b, at, 2, big_endian) != TAG_ORIENTATION || number(b, at + 2, 2, big_endian) != TYPE_SHORT) continue;
    uint32_t found = number(b, at + 8, 2, big_endian);
    return found >= 1 && found <= 8 ? (int)found : 1;
  }
  return 1;
}

static bytes find_in_png(bytes b) {
  for (size_t at = 8; at < b.count && b.count - at >= 12;) {
    size_t count = number(b, at, 4, true);
    if (begins(b, at + 4, "eXIf", 4)) return part(b, at + 8, count);
    if (count > b.count - at - 12) break;
    at += count + 12;
  }
  return (bytes){0};
}

static bytes find_in_jpeg(bytes b) {
  enum { APP1 = 0xE1, START_OF_SCAN = 0xDA };
  for (size_t at = 2; begins(b, at, "\xff", 1);) {
    if (begins(b, at, "\xff\xff", 2)) {
      at++;
      continue;
    }
    uint32_t marker = number(b, at + 1, 1, true), count = number(b, at + 2, 2, true);
    if (marker == START_OF_SCAN || count < 2) break;
    if (marker == APP1 && begins(b, at + 4, "Exif\0\0", 6)) return part(b, at + 4, count - 2);
    at += count + 2;
  }
  return (bytes){0};
}

static bytes find_in_webp(bytes b) {
  for (size_t at = 12; at < b.count && b.count - at >= 8;) {
    size_t count = number(b, at + 4, 4, false);
    if (begins(b, at, "EXIF", 4)) return part(b, at + 8, count);
    if (count > b.count - at - 8) break;
    at += count + count % 2 + 8;
  }
  return (bytes){0};
}

int image_orientation(const encoded_image *file) {
  const bytes b = {file->bytes, file->count};
  if (begins(b, 0, "\x89PNG", 4)) return read_orientation(find_in_png(b));
  if (begins(b, 0, "\xff\xd8", 2)) return read_orientation(find_in_jpeg(b));
  return begins(b, 0, "RIFF", 4) ? read_orientation(find_in_webp(b)) : 1;
}

mote_status image_set_upright(const encoded_image *file, int orientation, image *image, mote_error *error) {
  if (orientation == 1) return MOTE_OK;
  const bool turns = orientation >= 5, mirrors_columns = strchr("\2\3\7\10", orientation), mirrors_rows = strchr("\3\4\6\7", orientation);
  const int width = image->width, height = image->height;
  uint8_t *upright = malloc((size_t)width * (size_t)height * 4 + 1), *out = upright;
  if (!upright) return fail(error, MOTE_ERROR_MEMORY, "%s: no memory to turn its %d x %d pixels", file->name, width, height);
  for (int y = 0; y < (turns ? width : height); y++)
    for (int x = 0; x < (turns ? height : width); x++, out += 4) {
      int column = turns ? y : x, row = turns ? x : y;
      if (mirrors_columns) column = width - 1 - column;
      if (mirrors_rows) row = height - 1 - row;
      memcpy(out, image->pixels + ((size_t)row * (size_t)width + (size_t)column) * 4, 4);
    }
  free(image->pixels);
  image->pixels = upright;
  if (turns) image->width = height, image->height = width;
  return MOTE_OK;
}
