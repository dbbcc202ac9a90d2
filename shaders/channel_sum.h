// channel_sum.h: parameters and constants of channel_sum.comp.
#include "shaders/types.h"

#define CHANNEL_SUM_LANES 0  // invocations of a workgroup

struct channel_sum_parameters {
  uint batch;
  uint channel_blocks;  // channels / 8, padding included
  uint pixels;          // H · W
  uint columns;         // pairs of lanes that share an image, a power of two
};
