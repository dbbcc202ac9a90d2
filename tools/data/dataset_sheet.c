// dataset_sheet.c: images cut from a sprite sheet; a class map says which rows show what.
//
// A class map is `hero=18-28; item=4,5,14:0-27`: classes separated by ; or line ends, each with its rows, a row or a
// range of rows at a time, after a colon only these columns of them. Counting begins at 0; # begins a comment.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "runtime/error.h"
#include "runtime/file.h"
#include "runtime/hash.h"
#include "tools/data/dataset.h"
#include "tools/images/image_read.h"

#define CLASS_MAP_MAX_BYTES ((size_t)1 << 20)

typedef struct sheet {
  dataset_builder *builder;
  const char *path;
  image image;  // RGBA
  int file_channels;
  int columns, rows;
  int *labels;     // rows × columns; -1: left out
  uint32_t *seen;  // hash table of the images so far, 1 + their index; 0: free
  uint64_t seen_mask;
  const char *where;  // the class map, for messages: its file's name or "--classes"
} sheet;

static mote_status refuse(const sheet *s, const char *at, const char *expected, mote_error *error) {
  size_t length = strcspn(at, "\n;");
  return fail(error, MOTE_ERROR_FORMAT, "%s: found \"%.*s\", expected %s", s->where, (int)(length < 60 ? length : 60),
              at, expected);
}

static void skip_blanks(const char **at) {
  while (**at == ' ' || **at == '\t' || **at == '\r') ++*at;
}

// `A` or `A-B`, both below `count`.
static mote_status parse_range(const sheet *s, const char **at, int count, const char *what, int *first, int *last,
                               mote_error *error) {
  const char *begin = *at;
  int numbers[2] = {0, 0}, found = 0;
  char expected[96];
  do {
    skip_blanks(at);
    char *end = NULL;
    long number = **at >= '0' && **at <= '9' ? strtol(*at, &end, 10) : -1;
    snprintf(expected, sizeof expected, "%ss from 0 to %d, such as 4 or 6-12", what, count - 1);
    if (number < 0 || number >= count) return refuse(s, begin, expected, error);
    numbers[found++] = (int)number;
    *at = end;
    skip_blanks(at);
  } while (found < 2 && **at == '-' && ++*at);
  *first = numbers[0];
  *last = numbers[found - 1];
  return *first <= *last ? MOTE_OK : refuse(s, begin, "the smaller number first", error);
}

static mote_status claim(sheet *s, int label, const int *rows, const int *columns, mote_error *error) {
  const dataset *set = s->builder->set;
  for (int row = rows[0]; row <= rows[1]; row++)
    for (int column = columns[0]; column <= columns[1]; column++) {
      int *owner = &s->labels[row * s->columns + column];
      if (*owner >= 0 && *owner != label)
        return fail(error, MOTE_ERROR_FORMAT, "%s: row %d, column %d is both %s and %s, expected one class", s->where,
                    row, column, set->classes[*owner], set->classes[label]);
      *owner = label;
    }
  return MOTE_OK;
}

// NAME=ROWS[:COLUMNS],…
static mote_status parse_class(sheet *s, const char **at, mote_error *error) {
  size_t length = strcspn(*at, "=;\n");
  const char *name = *at, *begin = *at;
  if (name[length] != '=') return refuse(s, begin, "CLASS=ROWS, such as hero=18-28", error);
  while (length && (name[length - 1] == ' ' || name[length - 1] == '\t')) length--;
  int label = 0;
  TRY(dataset_class(s->builder->set, s->where, name, length, &label, error));
  *at = strchr(*at, '=');
  do {
    ++*at;
    int rows[2], columns[2] = {0, s->columns - 1};
    TRY(parse_range(s, at, s->rows, "row", &rows[0], &rows[1], error));
    if (**at == ':') {
      ++*at;
      TRY(parse_range(s, at, s->columns, "column", &columns[0], &columns[1], error));
    }
    TRY(claim(s, label, rows, columns, error));
  } while (**at == ',');
  if (!**at || strchr(";\n#", **at)) return MOTE_OK;
  return refuse(s, *at, "a comma, or ; before the next class", error);
}

static mote_status parse_map(sheet *s, const char *text, mote_error *error) {
  for (const char *at = text; *at;) {
    skip_blanks(&at);
    if (*at == '#') at += strcspn(at, "\n");
    if (*at == ';' || *at == '\n')
      at++;
    else if (*at)
      TRY(parse_class(s, &at, error));
  }
  if (s->builder->set->class_count) return MOTE_OK;
  return fail(error, MOTE_ERROR_FORMAT, "%s: found no class, expected CLASS=ROWS, such as hero=18-28", s->where);
}

// A file of that name, or else the map itself.
static mote_status read_map(sheet *s, const char *classes, mote_error *error) {
  struct stat found;
  s->where = "--classes";
  if (stat(classes, &found)) {
    if (strchr(classes, '=')) return parse_map(s, classes, error);
    return fail(error, MOTE_ERROR_FILE, "--classes: %s: %s; expected a file, or a map such as hero=18-28;item=4,5",
                classes, strerror(errno));
  }
  uint8_t *text = NULL;
  size_t bytes = 0;
  TRY(file_read(classes, CLASS_MAP_MAX_BYTES, &text, &bytes, error));
  s->where = classes;
  mote_status status = parse_map(s, (const char *)text, error);
  free(text);
  return status;
}

// True when nothing can be seen of it on black.
static bool is_empty(const image *tile) {
  size_t pixels = (size_t)tile->width * (size_t)tile->height;
  for (size_t i = 0; i < pixels; i++) {
    const uint8_t *p = tile->pixels + 4 * i;
    if (p[3] && (p[0] || p[1] || p[2])) return false;
  }
  return true;
}

// True when an image added before is the same as the latest, which is remembered otherwise.
static bool is_duplicate(sheet *s) {
  const dataset *set = s->builder->set;
  size_t bytes = image_values(s->builder->size);
  const uint8_t *latest = set->pixels + (set->count - 1) * bytes;
  uint64_t hash = hash_bytes(HASH_START, latest, bytes);
  for (uint64_t slot = hash ^ hash >> 32;; slot++) {
    uint32_t *number = &s->seen[slot & s->seen_mask];
    if (*number && memcmp(set->pixels + (*number - 1) * bytes, latest, bytes)) continue;
    bool found = *number != 0;
    if (!found) *number = set->count;
    return found;
  }
}

// Repeated tiles would stand on both sides of the hold-out split.
static mote_status add_tile(sheet *s, int row, int column, image *tile, mote_error *error) {
  dataset *set = s->builder->set;
  const dataset_desc *d = s->builder->desc;
  size_t stride = (size_t)s->image.width * 4, line = (size_t)tile->width * 4;
  size_t left = (size_t)(d->margin[0] + column * (tile->width + d->spacing[0]));
  size_t top = (size_t)(d->margin[1] + row * (tile->height + d->spacing[1]));
  const uint8_t *corner = s->image.pixels + top * stride + left * 4;
  for (int y = 0; y < tile->height; y++) memcpy(tile->pixels + (size_t)y * line, corner + (size_t)y * stride, line);
  if (is_empty(tile)) {
    set->empty_count++;
    return MOTE_OK;
  }
  char name[512];
  snprintf(name, sizeof name, "%.400s: the tile in row %d, column %d", s->path, row, column);
  TRY(dataset_append(s->builder, tile, s->file_channels, s->labels[row * s->columns + column], name, error));
  if (is_duplicate(s)) {
    set->count--;
    set->duplicate_count++;
  }
  return MOTE_OK;
}

static mote_status add_tiles(sheet *s, mote_error *error) {
  const dataset_desc *desc = s->builder->desc;
  dataset *set = s->builder->set;
  image tile = {.width = desc->tile[0], .height = desc->tile[1], .channels = 4};
  tile.pixels = malloc((size_t)tile.width * (size_t)tile.height * 4);
  if (!tile.pixels) return fail(error, MOTE_ERROR_MEMORY, "%s: no memory for a tile", s->path);
  mote_status status = MOTE_OK;
  for (int i = 0; i < s->rows * s->columns && !status; i++)
    if (!desc->classes || s->labels[i] >= 0) status = add_tile(s, i / s->columns, i % s->columns, &tile, error);
  image_finish(&tile);
  for (int label = 0; label < set->class_count && !status; label++)
    if (!dataset_class_size(set, label))
      status = fail(error, MOTE_ERROR_FORMAT, "%s: every tile of class %s is empty or a repetition, expected images",
                    s->path, set->classes[label]);
  return status;
}

// How many tiles lie in a line of `length` pixels; 0 if they do not fill it. After the last one there may be nothing, the margin,
// or a spacing more.
static int count_tiles(int length, int tile, int spacing, int margin) {
  const int count = length < margin ? 0 : (length - margin + spacing) / (tile + spacing);
  const int rest = length - margin - (count * (tile + spacing) - spacing);
  return count && (rest == 0 || rest == margin || rest == spacing || rest == margin + spacing) ? count : 0;
}

// Names the spacing that would fit, if a small one does.
static mote_status fail_tiles(const sheet *s, mote_error *error) {
  const dataset_desc *d = s->builder->desc;
  const int width = s->image.width, height = s->image.height;
  char cure[64] = "--spacing and --margin say what lies between and around them";
  bool found = d->spacing[0] || d->spacing[1] || d->margin[0] || d->margin[1];
  for (int gap = 1; gap <= 8 && !found; gap++)
    for (int margin = 0; margin <= 8 && !found; margin++) {
      found = count_tiles(width, d->tile[0], gap, margin) && count_tiles(height, d->tile[1], gap, margin);
      if (found)
        snprintf(cure, sizeof cure, margin ? "do they fit with --spacing %d --margin %d?" : "do they fit with --spacing %d?", gap,
                 margin);
    }
  return fail(error, MOTE_ERROR_FORMAT, "%s: is %d x %d pixels, expected multiples of the tile's %d x %d; %s", s->path, width,
              height, d->tile[0], d->tile[1], cure);
}

mote_status dataset_read_sheet(dataset_builder *builder, const char *path, uint8_t *bytes, size_t count,
                               mote_error *error) {
  const dataset_desc *desc = builder->desc;
  sheet s = {.builder = builder, .path = path};
  if (!desc->tile[0])
    return fail(error, MOTE_ERROR_USAGE, "--tile: not given, expected the size of the sheet's tiles, such as 16x16");
  mote_status status = MOTE_OK;
  builder->set->class_hint = "--classes says which rows show what";
  TRY(image_decode(path, bytes, count, &s.image, &s.file_channels, error));
  s.columns = count_tiles(s.image.width, desc->tile[0], desc->spacing[0], desc->margin[0]);
  s.rows = count_tiles(s.image.height, desc->tile[1], desc->spacing[1], desc->margin[1]);
  if (!s.columns || !s.rows) {
    status = fail_tiles(&s, error);
    goto end;
  }
  s.labels = malloc((size_t)s.rows * (size_t)s.columns * sizeof *s.labels);
  for (s.seen_mask = 1; s.seen_mask < 2 * (uint64_t)s.rows * (uint64_t)s.columns;) s.seen_mask = 2 * s.seen_mask + 1;
  s.seen = calloc(s.seen_mask + 1, sizeof *s.seen);
  if (!s.labels || !s.seen) {
    status = fail(error, MOTE_ERROR_MEMORY, "%s: no memory for its class map", path);
    goto end;
  }
  for (int i = 0; i < s.rows * s.columns; i++) s.labels[i] = -1;
  if (desc->classes) TRY_GOTO(end, read_map(&s, desc->classes, error));
  status = add_tiles(&s, error);
end:
  free(s.labels);
  free(s.seen);
  image_finish(&s.image);
  return status;
}
