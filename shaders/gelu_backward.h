// gelu_backward.h: parameters of gelu_backward.comp.
#include "shaders/types.h"

struct gelu_backward_parameters {
  uint quads;  // vec4s in the tensor
};
