// batch_norm.h: parameters and constants of batch_norm.comp and batch_norm_stats.comp.
#include "shaders/types.h"

#define BATCH_NORM_ACTIVATION 0
#define BATCH_NORM_STATS_UPDATE 0  // 1: the running statistics follow the batch's

struct batch_norm_parameters {
  uint blocks;          // N · C/8
  uint channel_quads;   // channels / 4, padding included
  uint pixels;          // H · W
  float epsilon;
};

struct batch_norm_stats_parameters {
  uint batch;
  uint channels;  // padding included
  uint pixels;    // H · W
};
