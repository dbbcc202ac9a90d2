// x0_limit.h: parameters of x0_limit.comp.
#include "shaders/types.h"

#define X0_LIMIT_GUIDED 0  // specialization constant, as SAMPLER_UPDATE_GUIDED

struct x0_limit_parameters {
  uint batch;
  uint channels;
  uint pixels;
  uint rank;  // how many elements of an image the limit covers at least
  float most; // of the limit; 0: it has no bound
};
