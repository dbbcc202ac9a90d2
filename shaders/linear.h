// linear.h: parameters and constants of linear.comp.
#include "shaders/types.h"

#define LINEAR_ACTIVATION 0
#define LINEAR_KEEP 1  // 1: what the activation is applied to is kept

struct linear_parameters {
  uint batch;
  uint in_quads;    // input features / 4, padding included
  uint out_blocks;  // output features / 8
};
