// conv_tile.h: tile sizes of the convolution kernels for GPUs, conv_tiled.comp, conv_matrix.comp and those of the weight
// gradient.
#ifndef MOTE_GRAPH_KERNELS_CONV_TILE_H
#define MOTE_GRAPH_KERNELS_CONV_TILE_H

#include "graph/kernels/launch.h"

// Whether a convolution of such images takes these kernels, which keep row and column in 16 bits each.
static inline bool prefers_tiles(const device_caps *caps, shape x) {
  return caps->kernels >= MOTE_KERNELS_TILED && x.h < 1 << 15 && x.w < 1 << 15;
}

// What a convolution multiplies, and where transposed ones differ.
typedef struct conv_product {
  shape pixels;  // (N, output channels, H, W): of the smaller image, where sizes differ
  int stride;    // each of `pixels` reads stride × stride pixels of the input: the kernel size for the data gradient of a
                 // transposed convolution, else 1
  int square;    // each of `pixels` writes square × square pixels of the output: the kernel size for a transposed convolution,
                 // else 1
  int channels;  // of the input: all of them
} conv_product;

#define CONV_TILE_CHOICES 14

// Fills in shader, tile constants and workgroups of choices[0], the tile that should suit, and of others that could, and returns
// how many there are. The constants that all convolution kernels share, bindings and push constants are in choices[0] already.
// The last `*inexact` of them add up in another order than the first: see launches_add_one_of.
int conv_tile_choices(const device_caps *caps, const conv_product *product, launch choices[CONV_TILE_CHOICES], int *inexact);

// The convolution whose weight's gradient is made.
typedef struct weight_gradient_product {
  const tensor *x, *second;  // second may be NULL
  int out_channels;
  int kernel;                // 1 for transposed convolutions
  int square;                // their kernel size; else 1
} weight_gradient_product;

// Appends the dispatches that make node->outputs[0] of its inputs x, second and dy. The node's attributes are one float, what
// dy is multiplied by while it is in half precision.
mote_status weight_gradient_dispatch(const node *node, launches *to, const weight_gradient_product *product,
                                     mote_error *error);

#endif
