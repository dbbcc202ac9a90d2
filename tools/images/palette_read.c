// palette_read.c: palettes from files.
#include "tools/images/palette_read.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "runtime/error.h"
#include "runtime/file.h"
#include "tools/images/image_read.h"

#define FILE_MAX_BYTES ((size_t)1 << 28)
#define TEXT_MAX_BYTES ((size_t)1 << 20)
#define LINE_MAX_BYTES 256
#define PALETTE_KINDS "an image, a GIMP palette (.gpl), a JASC palette (.pal), or lines of RRGGBB (.hex, .txt)"

// Adds a colour unless it is there or more clear than not. False when there is no room.
static bool add_colour(palette *p, const uint8_t *rgba) {
  static const uint8_t background[3];
  const uint8_t opaque[4] = {rgba[0], rgba[1], rgba[2], 255};
  uint8_t colour[4] = {0};
  if (rgba[3] < 128) return true;
  pixels_convert(opaque, 1, p->channels, background, colour);
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
  if (p->channels % 2) return MOTE_OK;  // of the others all are opaque so far
  if (p->count == PALETTE_MAX) return too_many(name, error);
  memset(p->colours[p->count++], 0, sizeof *p->colours);
  return MOTE_OK;
}

static mote_status parse_image(const char *name, uint8_t *bytes, size_t count, palette *p, mote_error *error) {
  image picture;
  int channels;
  TRY(image_decode(name, bytes, count, &picture, &channels, error));
  mote_status status = MOTE_OK;
  size_t pixels = (size_t)picture.width * (size_t)picture.height;
  for (size_t i = 0; i < pixels && !status; i++)
    if (!add_colour(p, picture.pixels + i * 4)) status = too_many(name, error);
  image_finish(&picture);
  return status ? status : finish_palette(name, p, error);
}

// ---------------------------------------------------------------------------------------------------------------------
// Text

// `R G B`, then anything; `R G B A` where the heading said so.
static bool parse_decimal(const char *line, bool alpha, uint8_t *rgba) {
  int values[4] = {0, 0, 0, 255}, count = sscanf(line, "%4d %4d %4d %4d", &values[0], &values[1], &values[2], &values[3]);
  if (count < (alpha ? 4 : 3)) return false;
  if (!alpha) values[3] = 255;  // the name is a number
  for (int c = 0; c < 4; c++) {
    if (values[c] < 0 || values[c] > 255) return false;
    rgba[c] = (uint8_t)values[c];
  }
  return true;
}

// RRGGBB, #RRGGBB, or Paint.NET's AARRGGBB.
static bool parse_hexadecimal(const char *line, uint8_t *rgba) {
  const char *digits = line + (*line == '#');
  size_t length = strspn(digits, "0123456789abcdefABCDEF");
  if (length != 6 && (length != 8 || *line == '#')) return false;
  if (digits[length + strspn(digits + length, " \t")]) return false;
  unsigned long value = strtoul(digits, NULL, 16);
  for (int c = 0; c < 3; c++) rgba[c] = (uint8_t)(value >> (16 - 8 * c));
  rgba[3] = length == 8 ? (uint8_t)(value >> 24) : 255;
  return true;
}

typedef enum palette_form { FORM_HEX, FORM_GIMP, FORM_JASC } palette_form;

static const char *const expected[] = {
    [FORM_HEX] = "RRGGBB, or the heading of a GIMP palette or a JASC one",
    [FORM_GIMP] = "red, green and blue from 0 to 255",
    [FORM_JASC] = "red, green and blue from 0 to 255",
};

typedef struct palette_reader {
  const char *name;
  palette_form form;
  bool alpha;           // of a GIMP palette, as Aseprite writes them: a fourth number
  int promised, found;  // colours of a JASC palette
} palette_reader;

static bool begins(const char *line, const char *word) { return !strncasecmp(line, word, strlen(word)); }

// Lines that say something of the colours.
static bool take_heading(palette_reader *r, int number, const char *line) {
  if (number == 1) {
    if (begins(line, "GIMP Palette")) r->form = FORM_GIMP;
    if (begins(line, "JASC-PAL")) r->form = FORM_JASC;
    if (r->form) return true;
  }
  if (r->form == FORM_JASC && number == 2) return !strcmp(line, "0100");
  if (r->form == FORM_JASC && number == 3) return sscanf(line, "%6d", &r->promised) == 1 && r->promised > 0;
  if (r->form != FORM_GIMP || !begins(line, "Channels:"))
    return r->form == FORM_GIMP && (begins(line, "Name:") || begins(line, "Columns:"));
  const char *value = line + strlen("Channels:");
  value += strspn(value, " \t");
  r->alpha = begins(value, "RGBA");
  return begins(value, "RGB");
}

static bool is_remark(const palette_reader *r, const char *line) {
  return !*line || (r->form == FORM_GIMP && *line == '#') || (r->form == FORM_HEX && *line == ';');
}

static mote_status take_line(palette_reader *r, palette *p, int number, const char *line, mote_error *error) {
  uint8_t rgba[4];
  if (is_remark(r, line) || take_heading(r, number, line)) return MOTE_OK;
  if (!(r->form == FORM_HEX ? parse_hexadecimal(line, rgba) : parse_decimal(line, r->alpha, rgba)))
    return fail(error, MOTE_ERROR_FORMAT, "%s: line %d: found \"%.40s\", expected %s%s", r->name, number, line,
                expected[r->form], r->alpha ? ", and alpha" : "");
  r->found++;
  return add_colour(p, rgba) ? MOTE_OK : too_many(r->name, error);
}

mote_status palette_parse_text(const char *name, const char *text, size_t bytes, int channels, palette *p,
                               mote_error *error) {
  palette_reader r = {.name = name};
  *p = (palette){.channels = channels};
  size_t at = bytes >= 3 && !memcmp(text, "\xef\xbb\xbf", 3) ? 3 : 0;  // a byte order mark
  for (int number = 1; at < bytes; number++) {
    char line[LINE_MAX_BYTES];
    const char *end = memchr(text + at, '\n', bytes - at);
    size_t length = end ? (size_t)(end - text) - at : bytes - at, blank = 0;
    if (length >= sizeof line || memchr(text + at, 0, length))
      return fail(error, MOTE_ERROR_FORMAT, "%s: line %d: is no line of a palette; a palette is " PALETTE_KINDS, name, number);
    memcpy(line, text + at, length);
    at += length + 1;
    while (length && strchr(" \t\r", line[length - 1])) length--;
    line[length] = 0;
    blank = strspn(line, " \t");
    TRY(take_line(&r, p, number, line + blank, error));
  }
  if (r.form == FORM_JASC && r.found != r.promised)
    return fail(error, MOTE_ERROR_FORMAT, "%s: found %d colours, expected %d, as line 3 says", name, r.found, r.promised);
  return finish_palette(name, p, error);
}

// ---------------------------------------------------------------------------------------------------------------------
// Files

// Palettes that are not read, by what they begin with. What is no palette at all runtime/file_kind.c knows.
static const struct {
  size_t offset;
  const char *magic, *what;
} other_kinds[] = {
    {8, "PAL data", "a Microsoft palette"},
    {0, "ASEF", "an Adobe swatch exchange file"},
    {0, "8BCB", "an Adobe colour book"},
};

static const char *other_kind(const uint8_t *bytes, size_t count) {
  for (size_t i = 0; i < sizeof other_kinds / sizeof *other_kinds; i++) {
    size_t length = strlen(other_kinds[i].magic), offset = other_kinds[i].offset;
    if (count >= offset + length && !memcmp(bytes + offset, other_kinds[i].magic, length)) return other_kinds[i].what;
  }
  const file_kind *kind = file_kind_of(bytes, count);
  if (kind && strcmp(kind->format, "text")) return kind->what;  // palettes are text, most of them
  // Adobe's colour tables are 256 colours, and sometimes how many of them are meant, without a heading.
  return (count == 768 || count == 772) && memchr(bytes, 0, count) ? "an Adobe colour table" : NULL;
}

mote_status palette_read(const char *path, int channels, palette *p, mote_error *error) {
  *p = (palette){.channels = channels};
  uint8_t *data = NULL;
  size_t bytes = 0;
  TRY(file_read(path, FILE_MAX_BYTES, &data, &bytes, error));
  const char *other = other_kind(data, bytes);
  mote_status status;
  if (image_kind_is_read(file_kind_of(data, bytes)))
    status = parse_image(path, data, bytes, p, error);
  else if (other)
    status = fail(error, MOTE_ERROR_FORMAT, "%s: is %s, expected " PALETTE_KINDS, path, other);
  else if (bytes > TEXT_MAX_BYTES)
    status = fail(error, MOTE_ERROR_FORMAT, "%s: found %zu bytes, expected " PALETTE_KINDS, path, bytes);
  else
    status = palette_parse_text(path, (const char *)data, bytes, channels, p, error);
  free(data);
  return status;
}
