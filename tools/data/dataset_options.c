// dataset_options.c: the options that say how DATA is read, which several commands have.
#include "tools/data/dataset_options.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/error.h"
#include "tools/images/image_read.h"
#include "tools/options.h"

// `W` or `WxH` in pixels, from `least`; `*height` is 0 where only W stands.
static bool parse_size(const char *text, long least, int *width, int *height) {
  int *sizes[2] = {width, height};
  *height = 0;
  for (int i = 0; i < 2; i++) {
    if (*text < '0' || *text > '9') return false;
    char *end = NULL;
    long number = strtol(text, &end, 10);
    if (number < least || number > IMAGE_READ_MAX_SIDE || (least && *text == '0')) return false;
    *sizes[i] = (int)number;
    if (!*end) return true;
    if (*end != 'x') return false;
    text = end + 1;
  }
  return false;
}

static mote_status parse_tile(const char *text, dataset_desc *desc, mote_error *error) {
  int width = 0, height = 0;
  if (!parse_size(text, 1, &width, &height) || !height)
    return fail(error, MOTE_ERROR_USAGE, "--tile: found \"%s\", expected WIDTHxHEIGHT in pixels, such as 16x16", text);
  desc->tile_width = width;
  desc->tile_height = height;
  return MOTE_OK;
}

static mote_status parse_gap(const char *option, const char *text, int gap[2], mote_error *error) {
  if (!parse_size(text, 0, &gap[0], &gap[1]))
    return fail(error, MOTE_ERROR_USAGE, "%s: found \"%s\", expected pixels, such as 1, or 1x2 across and down", option, text);
  if (!strchr(text, 'x')) gap[1] = gap[0];
  return MOTE_OK;
}

static mote_status parse_side(const char *option, const char *text, int *side, mote_error *error) {
  if (!strcmp(text, "square")) {
    *side = DATASET_SQUARE;
    return MOTE_OK;
  }
  mote_error ignored;
  if (!option_int(option, text, 4, 256, side, &ignored) && *side % 4 == 0) return MOTE_OK;
  return fail(error, MOTE_ERROR_USAGE, "%s: found \"%s\", expected a multiple of 4 up to 256, or square", option, text);
}

mote_status dataset_parse_colour(const char *text, dataset_desc *desc, mote_error *error) {
  if (!strcmp(text, "black")) text = "#000000";
  if (!strcmp(text, "white")) text = "#ffffff";
  const char *digits = text + (*text == '#');
  if (strlen(digits) != 6 || strspn(digits, "0123456789abcdefABCDEF") != 6)
    return fail(error, MOTE_ERROR_USAGE, "--background: found \"%s\", expected #rrggbb, black or white", text);
  unsigned long colour = strtoul(digits, NULL, 16);
  for (int c = 0; c < 3; c++) desc->background[c] = (uint8_t)(colour >> (16 - 8 * c));
  return MOTE_OK;
}

mote_status dataset_take_option(dataset_desc *desc, int option, const char *text, mote_error *error) {
  int choice = 0;
  switch (option) {
    case DATASET_TILE: return parse_tile(text, desc, error);
    case DATASET_SPACING: return parse_gap("--spacing", text, desc->spacing, error);
    case DATASET_MARGIN: return parse_gap("--margin", text, desc->margin, error);
    case DATASET_CLASSES: desc->classes = text; return MOTE_OK;
    case DATASET_LABELS: desc->labels = text; return MOTE_OK;
    case DATASET_CONTEXTS: desc->contexts = text; return MOTE_OK;
    case DATASET_ATTRIBUTES: desc->attributes = text; return MOTE_OK;
    case DATASET_ARRAYS: desc->arrays = text; return MOTE_OK;
    case DATASET_RANGE:
      TRY(option_choice("--range", text, dataset_ranges, &choice, error));
      desc->range = (dataset_range)choice;
      return MOTE_OK;
    case DATASET_CROP: return parse_side("--crop", text, &desc->crop, error);
    case DATASET_PAD: return parse_side("--pad", text, &desc->pad, error);
    case DATASET_RESIZE: return option_int("--resize", text, 4, 256, &desc->resize, error);
    case DATASET_BACKGROUND: return dataset_parse_colour(text, desc, error);
    default: return MOTE_OK;
  }
}
