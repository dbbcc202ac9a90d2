// norm_sums.h: parameters and constants of norm_sums.comp.
#include "shaders/types.h"

#define NORM_SUMS_ACTIVATION 0
#define NORM_SUMS_GROUPED 1  // 1: statistics of eight groups an image, 0: of each channel over the batch

struct norm_sums_parameters {
  uint batch;
  uint channels;  // padding included
  uint pixels;    // H · W
  float epsilon;
};
