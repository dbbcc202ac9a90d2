// image.h: lays images out in a grid, enlarges them, writes them as PNG.
#ifndef MOTE_TOOLS_IMAGES_IMAGE_H
#define MOTE_TOOLS_IMAGES_IMAGE_H

#include <stddef.h>
#include <stdint.h>

#include "mote.h"
#include "runtime/file.h"

#define IMAGE_MOST_SIDE 1024  // pixels across or down of images that models are for

// How large an image is: pixels across and down, and bytes a pixel.
typedef struct image_size {
  int width, height, channels;
} image_size;

// Of the images that a model is for.
image_size image_size_of(const mote_model_info *model);

// How many pixels an image has, and how many numbers these have in all.
size_t image_area(image_size size);
size_t image_values(image_size size);

typedef struct image {
  int width, height, channels;  // 1 grey, 2 grey and alpha, 3 RGB, 4 RGBA
  uint8_t *pixels;              // height × width × channels, owned
} image;

void image_finish(image *image);

// Columns of the grid for `count` tiles that is as wide as it is high, or one column wider.
int grid_columns(int count);

typedef struct image_grid_desc {
  const uint8_t *pixels;  // count tiles, height × width × channels each
  int count;              // 1 or more
  image_size tile;
  int scale;              // each pixel becomes a square of scale × scale; 0: 1
  int columns;            // 0: grid_columns(count); no more than count are made
} image_grid_desc;

// The pixels of the picture across and down, and how many tiles lie side by side.
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

// Copies a tile into the picture, which has room for it: every pixel `scale` times along x and y, its place counted in tiles.
void image_place_tile(image *picture, const uint8_t *tile, image_size size, int scale, int column, int row);

// The bytes of a PNG file; `*png` is the caller's to free().
mote_status image_encode_png(const image *image, uint8_t **png, size_t *bytes, mote_error *error);

// Encodes into an open writer and flushes it, so that a full disk shows before anything is committed.
mote_status image_write_png(const image *image, file_writer *writer, mote_error *error);

// Hands buffered bytes of `writer` to the system.
mote_status writer_flush(file_writer *writer, mote_error *error);

#endif
