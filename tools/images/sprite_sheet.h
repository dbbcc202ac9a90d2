// sprite_sheet.h: says where each image of a grid lies, in the JSON that game tools read.
#ifndef MOTE_TOOLS_IMAGES_SPRITE_SHEET_H
#define MOTE_TOOLS_IMAGES_SPRITE_SHEET_H

#include "mote.h"
#include "runtime/file.h"
#include "tools/images/image.h"

typedef struct sprite_sheet_desc {
  const char *image;     // path of the picture; its last part is written
  int count;             // images, row by row
  int columns;           // of the grid
  image_size size;       // of an image in the picture
  uint64_t first;        // index of the first image, which names it
  const char *(*label)(const void *user, uint64_t index);  // of image `index` of the run; NULL, or may return NULL
  const void *user;
  bool to_and_fro;       // the images are one animation that runs forth and back
  bool hash;             // the hash form: frames by name; else the array form
} sprite_sheet_desc;

// Writes what Aseprite and TexturePacker write: `frames`, each with `frame` {x, y, w, h} in pixels, `sourceSize`, `duration`
// in milliseconds and, beyond what they have, `label`; an array of them with `filename`, or a hash by that name; `meta` with
// the picture's name and size, and one tag for all frames of a label, which stand together. Flushes the writer; the caller
// commits it.
mote_status sprite_sheet_write(const sprite_sheet_desc *desc, file_writer *writer, mote_error *error);

#endif
