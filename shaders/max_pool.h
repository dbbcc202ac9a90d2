// max_pool.h: parameters of max_pool.comp, max_pool_backward.comp and max_pool_mean.comp.
#include "shaders/types.h"

#define MAX_POOL_MEAN_ACTIVATION 0

struct max_pool_parameters {
  uint blocks;  // N · C/8
  uint height;  // of y
  uint width;
};
