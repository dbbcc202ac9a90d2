// max_pool.h: parameters of max_pool.comp.
#include "shaders/types.h"

struct max_pool_parameters {
  uint blocks;  // N · C/8
  uint height;  // of y
  uint width;
};
