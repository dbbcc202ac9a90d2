// differentiate.h: appends the nodes that make gradients.
#ifndef MOTE_GRAPH_COMPILE_DIFFERENTIATE_H
#define MOTE_GRAPH_COMPILE_DIFFERENTIATE_H

#include "graph/ir/graph.h"

// What graph_backward multiplies gradients by where kernels round them to half precision, so that those of a loss whose terms
// count `share` each, more than 0, come near 1; without it, 1. For seeds that no loss made: a loss says its share itself.
void graph_scale_gradients(graph *graph, double share);

// Walks the nodes back from `output`, whose gradient is `seed`, and appends those that make the gradients of all
// tensors that require one. Gradients of parameters become TENSOR_GRADIENT.
void graph_backward(graph *graph, tensor *output, tensor *seed);

// The two halves of it, for graphs that hold several forward passes: walks back only as far as node `first_node`, and
// marks the gradients of parameters once all passes are done.
void graph_backward_from(graph *graph, int first_node, tensor *output, tensor *seed);
void graph_finish_gradients(graph *graph);

#endif
