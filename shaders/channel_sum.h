// channel_sum.h: parameters of channel_sum.comp.
#include "shaders/types.h"

struct channel_sum_parameters {
  uint batch;
  uint channels;  // padding included
  uint pixels;    // H · W
};
