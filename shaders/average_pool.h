// average_pool.h: parameters of average_pool.comp and average_pool_backward.comp.
#include "shaders/types.h"

struct average_pool_parameters {
  uint blocks;  // N · C/8
  uint height;  // of y
  uint width;
};
