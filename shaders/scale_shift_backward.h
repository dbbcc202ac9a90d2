// scale_shift_backward.h: parameters of scale_shift_backward.comp.
#include "shaders/types.h"

struct scale_shift_backward_parameters {
  uint vectors;  // N · C/4
  uint pixels;   // H · W
};
