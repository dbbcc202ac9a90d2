// max_pool_backward.h: parameters of max_pool_backward.comp.
#include "shaders/types.h"

struct max_pool_backward_parameters {
  uint blocks;  // N · C/8
  uint height;  // of y
  uint width;
};
