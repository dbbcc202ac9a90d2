// mean_pool_backward.h: parameters of mean_pool_backward.comp.
#include "shaders/types.h"

struct mean_pool_backward_parameters {
  uint quads;   // vec4s in dx
  uint pixels;  // H · W
};
