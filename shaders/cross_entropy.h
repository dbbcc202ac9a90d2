// cross_entropy.h: parameters of cross_entropy.comp.
#include "shaders/types.h"

struct cross_entropy_parameters {
  uint batch;
  uint classes;  // K
  float share;   // of one image in the loss
};
