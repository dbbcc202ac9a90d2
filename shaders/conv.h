// conv.h: parameters and constants of conv.comp and the kernels that do the same otherwise.
#include "shaders/types.h"

// Specialization constants of all kernels, and of those that read texels alone.
#define CONV_KERNEL 0      // 3 or 1, padding is kernel / 2; with CONV_TILE_STRIDE any, and no padding
#define CONV_ACTIVATION 1
#define CONV_SECOND 2      // of more than one tensor, concatenated along channels; or how else x is read:
#define CONV_SECOND_BOUND 1   // each in a binding of its own, or
#define CONV_SECOND_FOLLOWS 2  // both in the first's, or there is only one after all: conv_winograd.comp alone
#define CONV_UPSAMPLED 3       // one tensor of half the height and width, of which each pixel counts four times
#define CONV_RESIDUAL 3    // 1: a residual is added after the activation
#define CONV_BIAS 4        // 1: there is a bias
#define CONV_ROWS 5        // rows of the tile
#define CONV_GROUPS 6      // columns of the tile, in eights
#define CONV_TILED 7       // 1: several tiles along a row, so that columns beside the tile are loaded too
#define CONV_EXACT 8       // 1: tiles cover the image exactly, so that stores need no check
#define CONV_SPLIT 9       // 1: the output is two tensors, see shaders/glsl/split.glsl; of the texel kernels, others always ask
#define CONV_JOINED 13     // 1: of several layers that take the same, which the weights, biases and outputs of are; see split.glsl too

#define CONV_ONE_ADDRESS 10 // 1: stores through one address, see shaders/glsl/uniform.glsl: conv_winograd.comp alone

// And of conv_tiled.comp alone; sizes of tiles are powers of two.
#define CONV_TILE_LOCAL 5   // invocations: BLOCKS · LANES · SPLIT
#define CONV_TILE_BLOCKS 6  // output channels of the tile, in eights
#define CONV_TILE_LANES 7   // invocations along the pixels
#define CONV_TILE_PIXELS 8  // of one invocation
#define CONV_TILE_SPLIT 9   // groups of invocations that share the sum
#define CONV_TILE_UNITS 10  // of a stage
// Of transposed convolutions (their gradients), whose kernel size is their stride; else 1.
#define CONV_TILE_STRIDE 11 // conv_product.stride of graph/kernels/conv_tile.h
#define CONV_TILE_SQUARE 12 // conv_product.square there

// And of conv_matrix.comp alone.
#define CONV_MATRIX_LOCAL 5    // invocations
#define CONV_MATRIX_WAVE 6     // that compute a matrix together
#define CONV_MATRIX_ROWS 7     // output channels of the tile, in sixteens
#define CONV_MATRIX_COLUMNS 8  // pixels of a wave, in sixteens
#define CONV_MATRIX_UNITS 4    // of a stage

// Shared memory of conv_tiled.comp in vec4: 2 · UNITS rows of pixels, and as many of weights.
#define CONV_TILE_X_PADDING 4     // after a row of pixels
#define CONV_TILE_WEIGHT_BLOCK 9  // of eight output channels, one padding

struct conv_parameters {
  uint batch;
  uint height;        // of y
  uint width;
  uint first_quads;   // input channels / 4 of the first tensor
  uint second_quads;  // and of the second, or 0
  uint out_blocks;    // output channels / 8, of both where there are two
  uint split;         // of the first output, or of the only one: shaders/glsl/split.glsl
  uint second_at;     // where the second output begins, in vec4s
  uint second_in;     // where the second input begins in the first one's binding, in vec4s: CONV_SECOND_FOLLOWS
  uint first_block;   // of the weights, in eights of output channels
  float scale;        // of the sum that ends the epilogue
  float x_scale;      // of the input while it is in half precision, a power of two: conv_matrix.comp alone
  uint weight_gap;    // CONV_JOINED: what lies between the weights of two layers, in vec4s; second_at is from output to output
  uint bias_gap;      // and between their biases
};
