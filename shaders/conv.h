// conv.h: parameters and constants of conv.comp, conv_texel.comp and conv_winograd.comp.
#include "shaders/types.h"

// Specialization constants of all three kernels, and of those that read texels alone.
#define CONV_KERNEL 0      // 3 or 1; padding is kernel / 2
#define CONV_ACTIVATION 1
#define CONV_SECOND 2      // 1: the input is two tensors, concatenated along channels
#define CONV_RESIDUAL 3    // 1: a residual is added behind the activation
#define CONV_BIAS 4        // 1: there is a bias
#define CONV_ROWS 5        // rows of the tile
#define CONV_GROUPS 6      // columns of the tile, in eights
#define CONV_TILED 7       // 1: several tiles along a row, so that columns beside the tile are loaded too
#define CONV_EXACT 8       // 1: tiles cover the image exactly, so that stores need no check

struct conv_parameters {
  uint batch;
  uint height;
  uint width;
  uint first_quads;   // input channels / 4 of the first tensor
  uint second_quads;  // and of the second, or 0
  uint out_blocks;    // output channels / 8
  uint first_block;   // of the weights, in eights of output channels
  float scale;        // of the sum behind the epilogue
};
