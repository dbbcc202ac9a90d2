// conv_transpose.h: parameters and constants of conv_transpose.comp, its texel kernel, and the kernels for its gradients.
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

#define CONV_TRANSPOSE_GRADIENT_SECOND 0  // 1: the input was two tensors (weight gradient)
#define CONV_TRANSPOSE_GRADIENT_BIAS 1    // 1: the texel kernel makes the bias's gradient too (weight gradient)

struct conv_transpose_gradient_parameters {
  uint batch;
  uint height;        // of the input
  uint width;
  uint first_quads;   // input channels / 4 of the (first) tensor; data gradient: of all that are made
  uint second_quads;  // and of the second, or 0
  uint out_blocks;    // output channels / 8
  uint kernel;        // kernel size = stride
  uint first_block;   // data gradient: input channels / 8 in front of the tensor's own
  uint split;         // data gradient: input channels / 8 of the first tensor, or of the only one: shaders/glsl/split.glsl
  uint second_at;     // data gradient: where the second begins, in vec4s
};
