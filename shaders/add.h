// add.h: parameters of add.comp.
#include "shaders/types.h"

struct add_parameters {
  uint quads;   // vec4s in the tensor
  float scale;
};
