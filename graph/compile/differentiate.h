// differentiate.h: appends the nodes that make gradients.
#ifndef MOTE_GRAPH_COMPILE_DIFFERENTIATE_H
#define MOTE_GRAPH_COMPILE_DIFFERENTIATE_H

#include "graph/ir/graph.h"

// What differentiation multiplies gradients by where kernels round them to half precision, so that those of a loss whose terms
// count `share` each, more than 0, come near 1; without it, 1. For seeds that no loss made: a loss says its share itself.
void graph_scale_gradients(graph *graph, double share);

#endif
