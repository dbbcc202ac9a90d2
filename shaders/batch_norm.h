// batch_norm.h: parameters and constants of batch_norm.comp and batch_norm_train.comp.
#ifndef MOTE_SHADERS_BATCH_NORM_H
#define MOTE_SHADERS_BATCH_NORM_H

#include "shaders/slices.h"
#include "shaders/types.h"

#define BATCH_NORM_ACTIVATION 0
#define BATCH_NORM_UPDATE 1  // training: 1: the running statistics follow the batch's
#define BATCH_NORM_LANES 2   // training: invocations of a workgroup
#define BATCH_NORM_PART 3    // training: of shaders/slices.h
#define BATCH_NORM_FOLLOWER 4  // training: what is done after the activation, one of the next

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

struct batch_norm_train_parameters {
  uint batch;
  uint channel_blocks;  // channels / 8, padding included
  uint pixels;          // H · W
  uint columns;         // pairs of lanes that share an image, a power of two
  uint slices;          // of the batch
  float epsilon;
  float factor;         // of the sum with the residual
  uint square_columns;  // W/2, with FOLLOWER_POOL
};

#endif
