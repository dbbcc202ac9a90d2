// mean_pool.h: parameters and constants of mean_pool.comp and mean_pool_backward.comp.
#include "shaders/types.h"

#define MEAN_POOL_ACTIVATION 0
#define MEAN_POOL_RESIDUAL 1  // backward: 1: another gradient of x is added

struct mean_pool_parameters {
  uint quads;   // N · C/4
  uint pixels;  // H · W
};

struct mean_pool_backward_parameters {
  uint quads;   // N · C/4, padding included
  uint pixels;  // H · W
  float factor;
};
