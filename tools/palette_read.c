// palette_read.c: palettes from files.
#include "tools/palette_read.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/error.h"
#include "runtime/file.h"
#include "tools/image_read.h"

#define TEXT_MAX_BYTES ((size_t)1 << 20)
#define LINE_MAX_BYTES 256

// Adds a colour unless it is there. False when there is no room.
static bool add_colour(palette *p, const uint8_t *rgba) {
  static const uint8_t background[3];
  uint8_t colour[4] = {0};
  pixels_convert(rgba, 1, p->channels, background, colour);
  for (int i = 0; i < p->count; i++)
    if (!memcmp(p->colours[i], colour, (size_t)p->channels)) return true;
  if (p->count == PALETTE_MAX) return false;
  memcpy(p->colours[p->count++], colour, sizeof colour);
  return true;
}

static mote_status too_many(const char *name, mote_error *error) {
  return fail(error, MOTE_ERROR_FORMAT, "%s: found more than %d colours, expected a palette of at most so many", name,
              PALETTE_MAX);
}

// What a file without colours would leave; and for alpha the clear colour, which no file needs to name.
static mote_status finish_palette(const char *name, palette *p, mote_error *error) {
  if (!p->count) return fail(error, MOTE_ERROR_FORMAT, "%s: found no colours, expected 1 to %d", name, PALETTE_MAX);
  static const uint8_t clear[4];
  if (p->channels % 2 == 0 && !add_colour(p, clear)) return too_many(name, error);
  return MOTE_OK;
}

static mote_status read_png(const char *path, palette *p, mote_error *error) {
  image picture;
  int channels;
  TRY(image_read(path, &picture, &channels, error));
  mote_status status = MOTE_OK;
  size_t count = (size_t)picture.width * (size_t)picture.height;
  for (size_t i = 0; i < count && !status; i++) {
    uint8_t rgba[4];
    memcpy(rgba, picture.pixels + i * 4, 4);
    if (rgba[3] < 128) continue;
    rgba[3] = 255;
    if (!add_colour(p, rgba)) status = too_many(path, error);
  }
  image_finish(&picture);
  return status ? status : finish_palette(path, p, error);
}

// `R G B`, then anything.
static bool parse_decimal(const char *line, uint8_t *rgb) {
  int values[3];
  if (sscanf(line, "%4d %4d %4d", &values[0], &values[1], &values[2]) != 3) return false;
  for (int c = 0; c < 3; c++) {
    if (values[c] < 0 || values[c] > 255) return false;
    rgb[c] = (uint8_t)values[c];
  }
  return true;
}

static bool parse_hexadecimal(const char *line, uint8_t *rgb) {
  const char *digits = line + (*line == '#');
  if (strspn(digits, "0123456789abcdefABCDEF") != 6 || strspn(digits + 6, " \t\r") != strlen(digits + 6)) return false;
  unsigned long value = strtoul(digits, NULL, 16);
  for (int c = 0; c < 3; c++) rgb[c] = (uint8_t)(value >> (16 - 8 * c));
  return true;
}

// Headings of a GIMP palette, comments and empty lines.
static bool holds_no_colour(const char *line, bool gimp) {
  return !line[strspn(line, " \t\r")] ||
         (gimp && (*line == '#' || !strncmp(line, "Name:", 5) || !strncmp(line, "Columns:", 8)));
}

mote_status palette_parse_text(const char *name, const char *text, size_t bytes, int channels, palette *p,
                               mote_error *error) {
  static const char heading[] = "GIMP Palette";
  *p = (palette){.channels = channels};
  bool gimp = bytes >= sizeof heading - 1 && !memcmp(text, heading, sizeof heading - 1);
  size_t at = 0;
  for (int number = 1; at < bytes; number++) {
    char line[LINE_MAX_BYTES];
    const char *end = memchr(text + at, '\n', bytes - at);
    size_t length = end ? (size_t)(end - text) - at : bytes - at;
    if (length >= sizeof line || memchr(text + at, 0, length))
      return fail(error, MOTE_ERROR_FORMAT, "%s: line %d: is no line of a palette", name, number);
    memcpy(line, text + at, length);
    line[length] = 0;
    at += length + 1;
    if ((gimp && number == 1) || holds_no_colour(line, gimp)) continue;
    uint8_t rgba[4] = {0, 0, 0, 255};
    if (!(gimp ? parse_decimal(line, rgba) : parse_hexadecimal(line, rgba)))
      return fail(error, MOTE_ERROR_FORMAT, "%s: line %d: found \"%.40s\", expected %s", name, number, line,
                  gimp ? "red, green and blue from 0 to 255" : "RRGGBB, or a GIMP palette");
    if (!add_colour(p, rgba)) return too_many(name, error);
  }
  return finish_palette(name, p, error);
}

mote_status palette_read(const char *path, int channels, palette *p, mote_error *error) {
  *p = (palette){.channels = channels};
  size_t length = strlen(path), bytes = 0;
  if (length > 4 && !strcmp(path + length - 4, ".png")) return read_png(path, p, error);
  uint8_t *text = NULL;
  TRY(file_read(path, TEXT_MAX_BYTES, &text, &bytes, error));
  mote_status status = palette_parse_text(path, (const char *)text, bytes, channels, p, error);
  free(text);
  return status;
}
