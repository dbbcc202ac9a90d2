// dataset_options.h: the options that say how DATA is read, which several commands have.
#ifndef MOTE_TOOLS_DATA_DATASET_OPTIONS_H
#define MOTE_TOOLS_DATA_DATASET_OPTIONS_H

#include <popt.h>

#include "tools/data/dataset.h"

// To add an option: a row here, a case in dataset_take_option, and a row in train_options.c, which explains it.
#define DATASET_OPTIONS(ROW)                       \
  ROW(DATASET_TILE, "tile", "N|WxH")               \
  ROW(DATASET_SPACING, "spacing", "N|WxH")         \
  ROW(DATASET_MARGIN, "margin", "N|WxH")           \
  ROW(DATASET_CLASSES, "classes", "FILE|SPEC")     \
  ROW(DATASET_LABELS, "labels", "l.npy")           \
  ROW(DATASET_CONTEXTS, "contexts", "c.npy")       \
  ROW(DATASET_ATTRIBUTES, "attributes", "A[,B]|none") \
  ROW(DATASET_ARRAYS, "arrays", "X[,Y]")           \
  ROW(DATASET_RANGE, "range", "0-1|0-255|-1-1")    \
  ROW(DATASET_CROP, "crop", "WxH|square|shape")    \
  ROW(DATASET_PAD, "pad", "WxH|square|shape")      \
  ROW(DATASET_SIZE, "size", "N|WxH")               \
  ROW(DATASET_RESIZE, "resize", "N|WxH")           \
  ROW(DATASET_BACKGROUND, "background", "COLOUR")

#define DATASET_OPTION_VALUE(value, name, argument) value,
enum dataset_option { DATASET_OPTION_BEFORE = 500, DATASET_OPTIONS(DATASET_OPTION_VALUE) };

// Rows of a command's table; the values that options_next gives are those above.
#define DATASET_OPTION_ROW(value, name, argument) \
  {name, 0, POPT_ARG_STRING, NULL, value, "of DATA, as for mote train", argument},
#define DATASET_OPTION_TABLE DATASET_OPTIONS(DATASET_OPTION_ROW)

// Reads an option's argument into the description, which borrows it. Other values do nothing.
mote_status dataset_take_option(dataset_desc *desc, int option, const char *text, mote_error *error);

// `#ff00ff`, `black` or `white`, for --background.
mote_status dataset_parse_colour(const char *text, dataset_desc *desc, mote_error *error);

#endif
