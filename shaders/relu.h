// relu.h: parameters of relu.comp.
#include "shaders/types.h"

struct relu_parameters {
  uint quads;  // vec4s in the tensor
};
