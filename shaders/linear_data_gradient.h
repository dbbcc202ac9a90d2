// linear_data_gradient.h: parameters of linear_data_gradient.comp.
#include "shaders/types.h"

struct linear_data_gradient_parameters {
  uint batch;
  uint in_quads;    // input features / 4, padding included
  uint out_blocks;  // output features / 8
};
