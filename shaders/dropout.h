// dropout.h: parameters of dropout.comp.
#include "shaders/types.h"

struct dropout_parameters {
  uint vectors;    // vec4s in x
  uint each;       // of them in an image
  uint layer;      // which of the network's
  uint threshold;  // p · 2^32: words below it drop a number
  float factor;    // 1 / (1 - p) of the others
};
