// group_norm.h: parameters and constants of group_norm.comp and group_norm_backward.comp.
#include "shaders/types.h"

#define GROUP_NORM_ACTIVATION 0
#define GROUP_NORM_CLUSTER 1          // blocks of eight channels that a workgroup takes: the fewest that whole groups fill
#define GROUP_NORM_LANES 2            // invocations of a workgroup
#define GROUP_NORM_SCALED 3           // a form of scale_shift.h: what scale_shift.comp does is done too; 0: it is not
#define GROUP_NORM_ACTIVATION_LAST 4  // 1: before the activation; 0: after it
#define GROUP_NORM_ROW_FROM_STEP 5    // as SCALE_SHIFT_ROW_FROM_STEP
#define GROUP_NORM_TERM 6             // 1: x counts with a term a channel, as the form SUM has it; then nothing is scaled
#define GROUP_NORM_SECOND 7            // 1: x is two tensors, concatenated along channels

struct group_norm_parameters {
  uint clusters;  // of all images; the last of an image may have fewer blocks
  uint channels;
  uint groups;    // of an image
  uint pixels;    // H · W
  float epsilon;
  uint first_blocks;  // of eight channels, of the first tensor, which is all unless SECOND
};
