// linear_data_gradient.h: parameters and constants of linear_data_gradient.comp.
#include "shaders/types.h"

#define LINEAR_DATA_GRADIENT_ACTIVATION 0

struct linear_data_gradient_parameters {
  uint batch;
  uint in_quads;    // input features / 4, padding included
  uint out_blocks;  // output features / 8
};
