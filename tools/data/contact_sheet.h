// contact_sheet.h: a picture of many small images, a row of them for each class.
#ifndef MOTE_TOOLS_DATA_CONTACT_SHEET_H
#define MOTE_TOOLS_DATA_CONTACT_SHEET_H

#include "tools/data/dataset.h"
#include "tools/images/image.h"

typedef struct contact_sheet_desc {
  const uint8_t *pixels;  // images of `size`
  const int64_t *order;   // rows × columns indices of images; -1: left free
  int rows, columns;
  image_size size;
  int scale;  // each pixel becomes a square of scale × scale
} contact_sheet_desc;

// Images touch; free places are transparent where there is alpha, else white.
mote_status contact_sheet_init(image *sheet, const contact_sheet_desc *desc, mote_error *error);

// At most `columns` images of every class, spread over it evenly; four rows where there are no classes.
mote_status contact_sheet_of_dataset(image *sheet, const dataset *set, int columns, int scale, mote_error *error);

// Encodes and writes the picture so that the old file or the new one is there.
mote_status image_save_png(const image *image, const char *path, mote_error *error);

#endif
