// channel_stats.h: the statistics that batch_norm and group_norm begin with.
#ifndef MOTE_GRAPH_CHANNEL_STATS_H
#define MOTE_GRAPH_CHANNEL_STATS_H

#include "graph/program.h"

// Mean and sum of squared deviations of each channel of each image of x (N, C, H, W), both (N, C, 1, 1).
mote_status dispatch_channel_stats(const node *node, program *program, tensor *x, tensor *mean, tensor *deviation,
                                   mote_error *error);

#endif
