// group_norm_backward.h: parameters and constants of group_norm_backward.comp.
#include "shaders/types.h"

#define GROUP_NORM_BACKWARD_ACTIVATION 0
#define GROUP_NORM_BACKWARD_CLUSTER 1  // as GROUP_NORM_CLUSTER
#define GROUP_NORM_BACKWARD_LANES 2    // invocations of a workgroup
#define GROUP_NORM_BACKWARD_SCALED 3   // 1: after the activation, y = scale[n, c] · y + shift[n, c]

struct group_norm_backward_parameters {
  uint clusters;  // N · C / (8 · CLUSTER)
  uint channels;  // a multiple of 8
  uint pixels;    // H · W
  float epsilon;
};
