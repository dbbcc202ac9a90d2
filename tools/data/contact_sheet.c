// contact_sheet.c: a picture of many small images, a row of them for each class.
#include "tools/data/contact_sheet.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/error.h"

#define CLASSLESS_ROWS 4

mote_status contact_sheet_init(image *sheet, const contact_sheet_desc *d, mote_error *error) {
  *sheet = (image){.width = d->columns * d->size.width * d->scale,
                   .height = d->rows * d->size.height * d->scale,
                   .channels = d->size.channels};
  size_t bytes = (size_t)sheet->width * (size_t)sheet->height * (size_t)sheet->channels;
  sheet->pixels = malloc(bytes);
  if (!sheet->pixels)
    return fail(error, MOTE_ERROR_MEMORY, "no memory for a picture of %d x %d pixels", sheet->width, sheet->height);
  memset(sheet->pixels, sheet->channels % 2 ? 255 : 0, bytes);
  for (int i = 0; i < d->rows * d->columns; i++)
    if (d->order[i] >= 0)
      image_place_tile(sheet, d->pixels + (size_t)d->order[i] * image_values(d->size), d->size, d->scale, i % d->columns,
                       i / d->columns);
  return MOTE_OK;
}

// The place of the image of that rank among `size` in a line of `places`, or -1: every one if they are few.
static int64_t place_of(uint64_t rank, uint64_t size, uint64_t places) {
  if (size <= places) return (int64_t)rank;
  uint64_t place = (rank * places + size - 1) / size;
  return place < places && place * size / places == rank ? (int64_t)place : -1;
}

static void choose_images(const dataset *set, int columns, int64_t *order) {
  int rows = set->class_count ? set->class_count : CLASSLESS_ROWS;
  uint64_t places = set->class_count ? (uint64_t)columns : (uint64_t)(rows * columns);
  for (int i = 0; i < rows * columns; i++) order[i] = -1;
  for (int row = 0; row < (set->class_count ? rows : 1); row++) {
    int label = set->class_count ? row : -1;
    uint64_t rank = 0, size = dataset_class_size(set, label);
    for (uint32_t i = 0; i < set->count; i++) {
      if (set->labels[i] != label) continue;
      int64_t place = place_of(rank++, size, places);
      if (place >= 0) order[row * columns + place] = i;
    }
  }
}

mote_status contact_sheet_of_dataset(image *sheet, const dataset *set, int columns, int scale, mote_error *error) {
  int rows = set->class_count ? set->class_count : CLASSLESS_ROWS;
  int64_t *order = malloc((size_t)rows * (size_t)columns * sizeof *order);
  if (!order) return fail(error, MOTE_ERROR_MEMORY, "no memory for a contact sheet");
  choose_images(set, columns, order);
  while (rows > 1 && order[(rows - 1) * columns] < 0) rows--;
  contact_sheet_desc desc = {.pixels = set->pixels,
                             .order = order,
                             .rows = rows,
                             .columns = columns,
                             .size = set->size,
                             .scale = scale};
  mote_status status = contact_sheet_init(sheet, &desc, error);
  free(order);
  return status;
}

mote_status image_save_png(const image *image, const char *path, mote_error *error) {
  file_writer writer;
  TRY(file_writer_init(&writer, path, error));
  mote_status status = image_write_png(image, &writer, error);
  if (!status) return file_writer_commit(&writer, error);
  file_writer_abort(&writer);
  return status;
}
