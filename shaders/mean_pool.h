// mean_pool.h: parameters and constants of mean_pool.comp.
#include "shaders/types.h"

#define MEAN_POOL_ACTIVATION 0

struct mean_pool_parameters {
  uint quads;   // N · C/4
  uint pixels;  // H · W
};
