// mean_pool_backward.h: parameters and constants of mean_pool_backward.comp.
#include "shaders/types.h"

#define MEAN_POOL_BACKWARD_ACTIVATION 0  // of the mean
#define MEAN_POOL_BACKWARD_RESIDUAL 1    // 1: another gradient of x is added

struct mean_pool_backward_parameters {
  uint quads;   // N · C/4, padding included
  uint pixels;  // H · W
  float factor;
};
