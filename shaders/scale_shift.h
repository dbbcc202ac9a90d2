// scale_shift.h: parameters and constants of scale_shift.comp and scale_shift_backward.comp, and of ops that do the same after theirs.
#include "shaders/types.h"

#define SCALE_SHIFT_FORM 0
#define SCALE_SHIFT_ACTIVATION 1
#define SCALE_SHIFT_ROW_FROM_STEP 2  // 1: the row is the step counter, 0: the image's own index

// Forms. What they take is per channel: a factor an image, and a term an image or a step.
#define SCALE_SHIFT_PAIR 1    // a · x + b
#define SCALE_SHIFT_SUM 2     // x + a
#define SCALE_SHIFT_HALVES 3  // (1 + a) · x + b, where a and b are the halves of one tensor; both an image or a step

struct scale_shift_parameters {
  uint vectors;         // vec4s in x
  uint channel_quads;   // vec4s of the channels of one pixel
  uint pixels;          // H · W
};
