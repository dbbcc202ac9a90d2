// upsample.h: parameters of upsample.comp and average_pool.comp.
#include "shaders/types.h"

struct upsample_parameters {
  uint vectors;  // vec4s in the smaller image
  uint width;    // of it
  float factor;
};
