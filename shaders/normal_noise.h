// normal_noise.h: parameters and constants of normal_noise.comp.
#include "shaders/types.h"

#define NORMAL_NOISE_BITS 0  // 1: write the random words themselves, for tests

struct normal_noise_parameters {
  uint batch;
  uint channels;
  uint height;
  uint width;
  uint stream;
  uint step;
};
