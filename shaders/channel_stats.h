// channel_stats.h: parameters of channel_stats.comp.
#include "shaders/types.h"

struct channel_stats_parameters {
  uint blocks;  // N · C/8
  uint pixels;  // H · W
};
