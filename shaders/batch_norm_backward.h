// batch_norm_backward.h: parameters and constants of batch_norm_backward.comp.
#include "shaders/types.h"

#define BATCH_NORM_BACKWARD_ACTIVATION 0

struct batch_norm_backward_parameters {
  uint blocks;         // N · C/8
  uint channel_quads;  // channels / 4, padding included
  uint pixels;         // H · W
  float count;         // N · H · W
  float epsilon;
};
