// choose.h: finds the fastest of the kernels that a launch could take.
#ifndef MOTE_GRAPH_COMPILE_CHOOSE_H
#define MOTE_GRAPH_COMPILE_CHOOSE_H

#include "graph/kernels/launch.h"

// Gives each launch of the `count` lists that has several candidates the fastest one that computes what the first does: the same
// bits, or with MOTE_TUNE_FULL the same but for rounding. Tensors need no homes: it works in memory of its own, which it frees.
//
// The device remembers what was measured. With MOTE_TUNE_FAST measuring ends after some seconds; what it did not come to keeps its
// first candidate and is looked at by the next program. Without `measure`, and where the device does not tune, what is not
// remembered keeps its first candidate too.
mote_status choose(mote_device *device, launches *lists, int count, bool measure, mote_error *error);

#endif
