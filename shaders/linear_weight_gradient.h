// linear_weight_gradient.h: parameters and constants of linear_weight_gradient.comp.
#include "shaders/types.h"

#define LINEAR_WEIGHT_GRADIENT_ACTIVATION 0

struct linear_weight_gradient_parameters {
  uint batch;
  uint in_quads;    // input features / 4, padding included
  uint out_blocks;  // output features / 8
};
