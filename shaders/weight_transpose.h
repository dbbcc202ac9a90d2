// weight_transpose.h: parameters of weight_transpose.comp.
#include "shaders/types.h"

struct weight_transpose_parameters {
  uint out_blocks;  // of the input weight: output channels / 8
  uint in_quads;    // input channels / 4, padding included
  uint taps;
  uint flip;        // 1: turn the kernel by half a circle
};
