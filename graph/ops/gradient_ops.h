// gradient_ops.h: what several ops' gradient rules share.
#ifndef MOTE_GRAPH_OPS_GRADIENT_OPS_H
#define MOTE_GRAPH_OPS_GRADIENT_OPS_H

#include "graph/kernels/launch.h"
#include "graph/ops/ops.h"

// x (N, C1, H, W), second (N, C2, H, W) or NULL and dy (N, O, H, W) give dw like `weight` (O, C1 + C2, k, k); and `*db`
// (1, O, 1, 1) unless it is NULL.
tensor *conv_weight_gradient(graph *graph, tensor *const inputs[3], const tensor *weight, tensor **db);

// The launch of a channel_sum, for ops whose kernel leaves the gradient of the bias out.
mote_status channel_sum_launch(tensor *dy, tensor *sum, launches *to, mote_error *error);

// Two nodes make the data gradients of two concatenated inputs: whether `first` could make both, as views of one tensor. For joins.
bool data_gradients_fit(const graph *graph, const node *first, const node *other, join_pairs *pairs);
// Lets `first` make the output of `other`, too, as a view of one tensor.
bool outputs_join(graph *graph, node *first, node *other);

#endif
