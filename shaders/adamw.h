// adamw.h: parameters of adamw.comp.
#include "shaders/types.h"

struct adamw_parameters {
  uint learned_quads;  // vec4s of learned parameters
  uint quads;          // of learned parameters, then of running statistics, which are averaged only
  float beta1;
  float beta2;
  float epsilon;
};
