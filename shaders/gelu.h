// gelu.h: parameters of gelu.comp.
#include "shaders/types.h"

struct gelu_parameters {
  uint quads;  // vec4s in the tensor
};
