// relu_backward.h: parameters of relu_backward.comp.
#include "shaders/types.h"

struct relu_backward_parameters {
  uint quads;  // vec4s in the tensor
};
