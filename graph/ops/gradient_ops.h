// gradient_ops.h: builders that several ops' backward rules share.
#ifndef MOTE_GRAPH_OPS_GRADIENT_OPS_H
#define MOTE_GRAPH_OPS_GRADIENT_OPS_H

#include "graph/kernels/launch.h"
#include "graph/ops/ops.h"


// Lets `first` transpose the weight of `other` too and removes `other`; false if that cannot be. Weights are parameters that have
// their homes.
bool weight_transpose_join(graph *graph, node *first, node *other);

// Two nodes make the data gradients of two concatenated inputs. Lets `first` make both, as parts of `*both`, and removes `other`,
// which made the second one's. False if that cannot be, or would take more memory.
bool data_gradient_join(graph *graph, node *first, node *other, tensor **both);

// The same for two nodes of conv, or of conv_transpose_data_gradient, if they are such data gradients; else false.
bool conv_join_gradients(graph *graph, node *first, node *other);
bool conv_transpose_join_gradients(graph *graph, node *first, node *other);

#endif
