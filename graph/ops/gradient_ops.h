// gradient_ops.h: builders that several ops' backward rules share.
#ifndef MOTE_GRAPH_OPS_GRADIENT_OPS_H
#define MOTE_GRAPH_OPS_GRADIENT_OPS_H

#include "graph/kernels/launch.h"
#include "graph/ops/ops.h"

// Σ over images and pixels: (N, C, H, W) → (1, C, 1, 1), the gradient of a bias.
tensor *channel_sum(graph *graph, tensor *dy);

// A weight (O, C, k, k), in whichever layout, with channels exchanged as (C, O, k, k) WEIGHT; `flip`: the kernel rotated
// by half a circle.
tensor *weight_transpose(graph *graph, tensor *weight, bool flip);
extern const op weight_transpose_op;

// Lets `first` transpose the weight of `other` too and removes `other`; false if that cannot be. Weights are parameters that have
// their homes.
bool weight_transpose_join(graph *graph, node *first, node *other);

// Two nodes make the data gradients of two concatenated inputs. Lets `first` make both, as parts of `*both`, and removes `other`,
// which made the second one's. False if that cannot be, or would take more memory.
bool data_gradient_join(graph *graph, node *first, node *other, tensor **both);

// The same for two nodes of conv, or of conv_transpose_data_gradient, if they are such data gradients; else false.
bool conv_join_gradients(graph *graph, node *first, node *other);
bool conv_transpose_join_gradients(graph *graph, node *first, node *other);
extern const op conv_transpose_data_gradient_op;

#endif
