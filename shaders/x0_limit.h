// x0_limit.h: parameters of x0_limit.comp.
#include "shaders/types.h"

#define X0_LIMIT_GUIDED 0  // specialization constant, as SAMPLER_UPDATE_GUIDED

struct x0_limit_parameters {
  uint batch;
  uint channels;
  uint pixels;
  uint rank;     // place of the smaller of two elements, by size and from 0, between which the limit lies
  float beyond;  // how far it is from there to the next one, 0 up to 1
  float most; // of the limit; 0: it has no bound
};
