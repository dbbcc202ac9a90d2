// image.h: lays images out in a grid, enlarges them, writes them as PNG.
#ifndef MOTE_TOOLS_IMAGES_IMAGE_H
#define MOTE_TOOLS_IMAGES_IMAGE_H

#include <stddef.h>
#include <stdint.h>

#include "mote.h"
#include "runtime/file.h"

typedef struct image {
  int width, height, channels;  // 1 grey, 2 grey and alpha, 3 RGB, 4 RGBA
  uint8_t *pixels;              // height × width × channels, owned
} image;

void image_finish(image *image);

// Columns of the grid for `count` tiles that is as wide as it is high, or one column wider.
int grid_columns(int count);

typedef struct image_grid_desc {
  const uint8_t *pixels;  // count × tile_height × tile_height × channels
  int count;              // 1 or more
  int tile_height;        // pixels, of square tiles
  int channels;           // 1 to 4
  int scale;              // each pixel becomes a square of scale × scale; 0: 1
  int columns;            // 0: grid_columns(count); no more than count are made
} image_grid_desc;

// The pixels of a side of the picture, and how many tiles lie side by side.
typedef struct image_grid_size {
  int columns;
  int64_t width, height;
} image_grid_size;
image_grid_size image_grid_measure(const image_grid_desc *desc);

// MOTE_ERROR_USAGE when the grid of such tiles would be too large for a PNG; `pixels` is not looked at.
mote_status image_grid_check(const image_grid_desc *desc, mote_error *error);

// Tiles touch, so that the grid is a sprite sheet that can be cut up by multiplication alone. Cells left over are
// transparent where there is alpha, else white.
mote_status image_grid_init(image *image, const image_grid_desc *desc, mote_error *error);

// The bytes of a PNG file; `*png` is the caller's to free().
mote_status image_encode_png(const image *image, uint8_t **png, size_t *bytes, mote_error *error);

// Encodes into an open writer and flushes it, so that a full disk shows before anything is committed.
mote_status image_write_png(const image *image, file_writer *writer, mote_error *error);

// Hands buffered bytes of `writer` to the system.
mote_status writer_flush(file_writer *writer, mote_error *error);

#endif
