// activation.h: parameters and constant of activation.comp and activation_backward.comp.
#include "shaders/types.h"

#define ACTIVATION_KIND 0  // ACTIVATION_… of types.h

struct activation_parameters {
  uint quads;  // vec4s in the tensor
};
