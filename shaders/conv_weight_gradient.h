// conv_weight_gradient.h: parameters and constants of conv_weight_gradient.comp and the kernels for classes of devices.
#include "shaders/types.h"

#define CONV_WEIGHT_GRADIENT_KERNEL 0  // 3 or 1; not of the kernels for CPU drivers, which are one each
#define CONV_WEIGHT_GRADIENT_SECOND 1  // 1: the input was two tensors

// Of the kernels for CPU drivers.
#define CONV_WEIGHT_GRADIENT_BIAS 2   // 1: makes the bias's gradient too
#define CONV_WEIGHT_GRADIENT_TILES 3  // of a row that a pass of the Winograd kernel takes: 4, 2 or 1

#define CONV_WEIGHT_GRADIENT_COUNT 8  // layers that one dispatch of these takes at most

// Words of layer k in their table, from k · CONV_WEIGHT_GRADIENT_WORDS on. Where tensors begin is in vec4s.
#define CONV_WEIGHT_GRADIENT_X 0
#define CONV_WEIGHT_GRADIENT_DY 1
#define CONV_WEIGHT_GRADIENT_DW 2
#define CONV_WEIGHT_GRADIENT_BLOCKS 3  // input channels / 8 and, 16 bits above, output channels / 8, padding included
#define CONV_WEIGHT_GRADIENT_FIRST 4   // its first workgroup; it has one a pair of blocks
#define CONV_WEIGHT_GRADIENT_WORDS 5

// Of the tiled kernel.
#define CONV_WEIGHT_GRADIENT_LOCAL 2    // invocations: HALVES · QUADS
#define CONV_WEIGHT_GRADIENT_HALVES 3   // output channels of the tile, in fours
#define CONV_WEIGHT_GRADIENT_QUADS 4    // input channels of the tile, in fours
#define CONV_WEIGHT_GRADIENT_ROWS 5     // of the image in a stage
#define CONV_WEIGHT_GRADIENT_COLUMNS 6  // and columns
#define CONV_WEIGHT_GRADIENT_SQUARE 7   // of a transposed convolution: its kernel size and stride; else 1

// And of the matrix kernel, besides LOCAL and SQUARE.
#define CONV_WEIGHT_GRADIENT_WAVE 3         // invocations that compute a matrix together
#define CONV_WEIGHT_GRADIENT_INPUTS 4       // input channels of the tile, in sixteens
#define CONV_WEIGHT_GRADIENT_OUTPUTS 5      // output channels of a wave, in sixteens
#define CONV_WEIGHT_GRADIENT_STAGE 32       // pixels of a stage

struct conv_weight_gradient_parameters {
  uint batch;
  uint height;
  uint width;
  uint first_quads;   // input channels / 4 of the first tensor
  uint second_quads;  // and of the second, or 0
  uint out_blocks;    // output channels / 8
  float dy_scale;     // of dy while it is in half precision, a power of two: conv_weight_gradient_matrix.comp alone
};

struct conv_weight_gradient_texel_parameters {
  uint batch;
  uint height;
  uint width;
  uint first_blocks;  // input channels / 8 of the first tensor, where the input was two
  uint layers;        // rows of the table
};

struct conv_weight_gradient_sum_parameters {
  uint quads;  // floats of dw / 4
  uint parts;
};
