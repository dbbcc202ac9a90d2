// conv_transpose.h: parameters and constants of conv_transpose.comp and conv_transpose_texel.comp.
#include "shaders/types.h"

#define CONV_TRANSPOSE_ACTIVATION 0
#define CONV_TRANSPOSE_SECOND 1  // 1: the input is two tensors, concatenated along channels; not of the texel kernel

struct conv_transpose_parameters {
  uint batch;
  uint height;        // of the input
  uint width;
  uint first_quads;   // input channels / 4 of the first tensor
  uint second_quads;  // and of the second, or 0
  uint out_blocks;    // output channels / 8
  uint kernel;        // kernel size = stride
};
