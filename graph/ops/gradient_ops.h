// gradient_ops.h: builders that several ops' backward rules share.
#ifndef MOTE_GRAPH_OPS_GRADIENT_OPS_H
#define MOTE_GRAPH_OPS_GRADIENT_OPS_H

#include "graph/kernels/launch.h"
#include "graph/ops/ops.h"

// The launch of a channel_sum, for ops whose kernel leaves the gradient of the bias out.
mote_status channel_sum_launch(tensor *dy, tensor *sum, launches *to, mote_error *error);

// Two nodes make the data gradients of two concatenated inputs: how `first` comes to make both, as views of one tensor. For joins.
bool data_gradients_fit(const graph *graph, const node *first, const node *other, join_pairs *pairs);
bool data_gradients_join(graph *graph, node *first, node *other);

#endif
