// upsample.h: parameters of upsample.comp and upsample_backward.comp.
#include "shaders/types.h"

struct upsample_parameters {
  uint vectors;  // vec4s in x
  uint width;    // of x
};
