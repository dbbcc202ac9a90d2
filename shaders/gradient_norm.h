// gradient_norm.h: parameters of gradient_norm.comp.
#include "shaders/types.h"

#define GRADIENT_NORM_QUADS 256  // vec4s that one invocation sums

struct gradient_norm_parameters {
  uint gradient_quads;  // vec4s of all gradients
  uint weight_quads;    // and of all weights
};
