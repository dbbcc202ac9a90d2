// conv_tile.h: tile sizes of the convolution kernels for GPUs, conv_tiled.comp, conv_matrix.comp and those of the weight
// gradient.
#ifndef MOTE_GRAPH_KERNELS_CONV_TILE_H
#define MOTE_GRAPH_KERNELS_CONV_TILE_H

#include "graph/kernels/kernel.h"

// Whether these kernels, which keep row and column in 16 bits each, do images of that size.
static inline bool tiles_fit(shape x) { return x.h < 1 << 15 && x.w < 1 << 15; }

// What a convolution multiplies, and where transposed ones differ.
typedef struct conv_product {
  shape pixels;  // (N, output channels, H, W): of the smaller image, where sizes differ
  int stride;    // each of `pixels` reads stride × stride pixels of the input: the kernel size for the data gradient of a
                 // transposed convolution, else 1
  int square;    // each of `pixels` writes square × square pixels of the output: the kernel size for a transposed convolution,
                 // else 1
  int channels;  // of the input: all of them
} conv_product;

// The tiles of conv_tiled or, for a kernel of the class MATRIX, conv_matrix: the one that should suit, and others that could.
int conv_tile_variants(const kernel *kernel, const device_caps *caps, const conv_product *product, variant variants[MOST_VARIANTS]);

// Appends the launch with the tile of `to->variant`. `described` has bindings, push constants and the constants that all convolution
// kernels share.
mote_status conv_tile_launch(launches *to, const conv_product *product, const launch *described, mote_error *error);

// The rows of a product's kernels in an op's table.
#define TILE_KERNELS(name, fits_matrices, fits_tiles, launch, variants)                                                  \
  {name "_matrix_cooperative", MOTE_KERNELS_MATRIX, fits_matrices, launch, variants, .half = true, .cooperative = true}, \
      {name "_matrix", MOTE_KERNELS_MATRIX, fits_matrices, launch, variants, .half = true},                              \
      {name "_tiled", MOTE_KERNELS_TILED, fits_tiles, launch, variants}

// Whether there is enough of it for matrices: thin products, as the first and last convolution, would multiply zeros.
bool conv_matrix_fits(const conv_product *product);

// The convolution whose weight's gradient is made.
typedef struct weight_gradient_product {
  const tensor *x, *second;  // second may be NULL
  int out_channels;
  int kernel;                // 1 for transposed convolutions
  int square;                // their kernel size; else 1
} weight_gradient_product;

bool weight_gradient_matrix_fits(const weight_gradient_product *product);

// Appends the dispatches that make node->outputs[0] of its inputs x, second and dy. The node's attributes are one float, what
// dy is multiplied by while it is in half precision.
mote_status weight_gradient_dispatch(const node *node, launches *to, const weight_gradient_product *product,
                                     mote_error *error);

#endif
