// batch_norm_backward.h: parameters and constants of batch_norm_backward.comp.
#include "shaders/batch_norm.h"

#define BATCH_NORM_BACKWARD_ACTIVATION 0
#define BATCH_NORM_BACKWARD_LANES 1  // invocations of a workgroup
#define BATCH_NORM_BACKWARD_PART 2   // of shaders/slices.h
#define BATCH_NORM_BACKWARD_FOLLOWER 3 // FOLLOWER_… of shaders/batch_norm.h

struct batch_norm_backward_parameters {
  uint batch;
  uint channel_blocks;  // channels / 8, padding included
  uint pixels;          // H · W
  uint columns;         // pairs of lanes that share an image, a power of two
  uint slices;          // of the batch
  float epsilon;
  uint square_columns;  // W/2, with FOLLOWER_POOL
};
