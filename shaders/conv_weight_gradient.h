// conv_weight_gradient.h: parameters and constants of conv_weight_gradient.comp and its texel kernel.
#include "shaders/types.h"

#define CONV_WEIGHT_GRADIENT_KERNEL 0  // 3 or 1
#define CONV_WEIGHT_GRADIENT_SECOND 1  // 1: the input was two tensors
#define CONV_WEIGHT_GRADIENT_GROUPS 2  // columns of one pass of the texel kernel, in eights
#define CONV_WEIGHT_GRADIENT_TILED 3   // 1: several passes along a row

struct conv_weight_gradient_parameters {
  uint batch;
  uint height;
  uint width;
  uint first_quads;   // input channels / 4 of the first tensor
  uint second_quads;  // and of the second, or 0
  uint out_blocks;    // output channels / 8
};
