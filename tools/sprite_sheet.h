// sprite_sheet.h: says where each image of a grid lies, in the JSON that game tools read.
#ifndef MOTE_TOOLS_SPRITE_SHEET_H
#define MOTE_TOOLS_SPRITE_SHEET_H

#include "mote.h"
#include "runtime/file.h"

typedef struct sprite_sheet_desc {
  const char *image;     // path of the picture; its last part is written
  int count;             // images, row by row
  int columns;           // of the grid
  int side;              // pixels of an image in the picture, of either side
  int channels;          // of the picture
  uint64_t first;        // index of the first image, which names it
  const char *(*label)(const void *user, uint64_t index);  // of image `index` of the run; NULL, or may return NULL
  const void *user;
  bool to_and_fro;       // the images are one animation that runs forth and back
} sprite_sheet_desc;

// Writes the array form of Aseprite and TexturePacker: `frames` in order, each with `filename`, `frame` {x, y, w, h} in
// pixels, `sourceSize`, `duration` in milliseconds and, beyond what they have, `label`; `meta` with the picture's name and
// size, and a tag for every row of images of one label. Flushes the writer; the caller commits it.
mote_status sprite_sheet_write(const sprite_sheet_desc *desc, file_writer *writer, mote_error *error);

#endif
