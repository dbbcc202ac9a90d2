// choose.h: finds the fastest of the ways of doing each node.
#ifndef MOTE_GRAPH_COMPILE_CHOOSE_H
#define MOTE_GRAPH_COMPILE_CHOOSE_H

#include "graph/kernels/kernel.h"

// Gives each node of the graph, by its index, a way: the one that should suit, or the fastest of those that make the same bits, or
// with MOTE_TUNE_FULL of all that make the same but for rounding, whatever kernel of the op it is. Whole lists of launches are
// compared, with their scratch and tables. Tensors need no homes: it works in memory of its own, which it frees.
//
// The device remembers what was measured. With MOTE_TUNE_FAST measuring ends after some seconds; a node that it did not come to
// keeps its first way and is looked at by the next program. Without `measure`, and where the device does not tune, nodes of which
// nothing is remembered keep their first way too.
mote_status choose(mote_device *device, graph *graph, bool measure, way *ways, mote_error *error);

#endif
