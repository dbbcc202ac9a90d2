// scale_shift.h: parameters and constants of scale_shift.comp and scale_shift_backward.comp.
#include "shaders/types.h"

#define SCALE_SHIFT_ROW_FROM_STEP 0  // 1: the row of `shift` is the step counter, 0: the image's own index

struct scale_shift_parameters {
  uint quads;          // vec4s in x
  uint channel_quads;  // channels / 4
  uint pixels;         // H · W
};

struct scale_shift_backward_parameters {
  uint vectors;  // N · C/4
  uint pixels;   // H · W
};
