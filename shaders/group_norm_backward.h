// group_norm_backward.h: parameters and constants of group_norm_backward.comp and group_norm_backward_stats.comp.
#include "shaders/types.h"

#define GROUP_NORM_BACKWARD_ACTIVATION 0

struct group_norm_backward_parameters {
  uint blocks;    // N · C/8
  uint channels;  // a multiple of 8
  uint pixels;    // H · W
  float epsilon;
};

struct group_norm_backward_stats_parameters {
  uint batch;
  uint channels;
};
