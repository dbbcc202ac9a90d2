// gradient_norm.h: parameters and constants of gradient_norm.comp.
#include "shaders/types.h"

#define GRADIENT_NORM_QUADS 1024  // vec4s of a piece
#define GRADIENT_NORM_LANES 0     // constant: invocations of a workgroup

struct gradient_norm_parameters {
  uint gradient_quads;  // vec4s of all gradients
  uint weight_quads;    // and of all weights
};
