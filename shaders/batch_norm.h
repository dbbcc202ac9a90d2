// batch_norm.h: parameters and constants of batch_norm.comp, batch_norm_train.comp and batch_norm_backward.comp.
#include "shaders/slices.h"
#include "shaders/types.h"

#define BATCH_NORM_ACTIVATION 0
// Of training, forward and backward.
#define BATCH_NORM_LANES 1     // invocations of a workgroup
#define BATCH_NORM_PART 2      // of shaders/slices.h
#define BATCH_NORM_FOLLOWER 3  // what is done after the activation, one of the next
#define BATCH_NORM_KEEP 4      // forward: 1: the batch's statistics are written for the running ones to follow

#define FOLLOWER_NOTHING 0
#define FOLLOWER_RESIDUAL 1  // y = (… + residual) · factor
#define FOLLOWER_SCALE 2     // y = scale[n, c] · … + shift[n, c], as scale_shift.comp does
#define FOLLOWER_POOL 3      // y = the largest of each 2×2 square, as max_pool.comp does

struct batch_norm_parameters {
  uint blocks;          // N · C/8
  uint channel_quads;   // channels / 4, padding included
  uint pixels;          // H · W
  float epsilon;
};

struct batch_norm_train_parameters {  // forward and backward
  uint batch;
  uint channel_blocks;  // channels / 8, padding included
  uint pixels;          // H · W
  uint columns;         // pairs of lanes that share an image, a power of two
  uint slices;          // of the batch
  float epsilon;
  float factor;         // forward: of the sum with the residual
  uint square_columns;  // W/2, with FOLLOWER_POOL
};
