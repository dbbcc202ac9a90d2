// dataset_options.c: the options that say how DATA is read, which several commands have.
#include "tools/data/dataset_options.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/error.h"
#include "tools/images/image_read.h"
#include "tools/options.h"

// A size, or what makes one of each image.
static mote_status parse_extent(const char *option, const char *text, int extent[2], mote_error *error) {
  const int by_image = !strcmp(text, "square") ? DATASET_SQUARE : !strcmp(text, "shape") ? DATASET_SHAPE : 0;
  if (!by_image && size_parse(text, 1, IMAGE_MOST_SIDE, extent)) return MOTE_OK;
  extent[0] = extent[1] = by_image;
  if (by_image) return MOTE_OK;
  return fail(error, MOTE_ERROR_USAGE, "%s: found \"%s\", expected 1 to %d pixels, such as 16, or 16x24 across and down; square; or shape, "
              "which is that of --size", option, text, IMAGE_MOST_SIDE);
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
    case DATASET_TILE: return option_size("--tile", text, 1, IMAGE_READ_MAX_SIDE, desc->tile, error);
    case DATASET_SPACING: return option_size("--spacing", text, 0, IMAGE_READ_MAX_SIDE, desc->spacing, error);
    case DATASET_MARGIN: return option_size("--margin", text, 0, IMAGE_READ_MAX_SIDE, desc->margin, error);
    case DATASET_CLASSES: desc->classes = text; return MOTE_OK;
    case DATASET_LABELS: desc->labels = text; return MOTE_OK;
    case DATASET_CONTEXTS: desc->contexts = text; return MOTE_OK;
    case DATASET_ATTRIBUTES: desc->attributes = text; return MOTE_OK;
    case DATASET_ARRAYS: desc->arrays = text; return MOTE_OK;
    case DATASET_RANGE:
      TRY(option_choice("--range", text, dataset_ranges, &choice, error));
      desc->range = (dataset_range)choice;
      return MOTE_OK;
    case DATASET_CROP: return parse_extent("--crop", text, desc->crop, error);
    case DATASET_PAD: return parse_extent("--pad", text, desc->pad, error);
    case DATASET_SIZE: return option_size("--size", text, 1, IMAGE_MOST_SIDE, desc->size, error);
    case DATASET_RESIZE: return option_size("--resize", text, 1, IMAGE_MOST_SIDE, desc->size, error);
    case DATASET_BACKGROUND: return dataset_parse_colour(text, desc, error);
    default: return MOTE_OK;
  }
}
