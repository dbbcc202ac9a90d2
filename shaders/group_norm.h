// group_norm.h: parameters and constants of group_norm.comp and group_norm_stats.comp.
#include "shaders/types.h"

#define GROUP_NORM_ACTIVATION 0
#define GROUP_NORM_GROUPS 8

struct group_norm_parameters {
  uint blocks;           // N · C/8
  uint channels;         // a multiple of 8
  uint pixels;           // H · W
  float epsilon;
};

struct group_norm_stats_parameters {
  uint batch;
  uint channels;
  uint pixels;
};
