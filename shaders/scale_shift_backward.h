// scale_shift_backward.h: parameters of scale_shift_backward.comp and scale_shift_sums.comp.
#include "shaders/types.h"

struct scale_shift_backward_parameters {
  uint quads;          // vec4s in x
  uint channel_quads;  // channels / 4
  uint pixels;         // H · W
};
