// gradient_ops.h: builders that several ops' backward rules share.
#ifndef MOTE_GRAPH_GRADIENT_OPS_H
#define MOTE_GRAPH_GRADIENT_OPS_H

#include "graph/ops.h"
#include "graph/program.h"

// Σ over images and pixels: (N, C, H, W) → (1, C, 1, 1), the gradient of a bias.
tensor *channel_sum(graph *graph, tensor *dy);

// A weight (O, C, k, k), in whichever layout, with channels exchanged as (C, O, k, k) WEIGHT; `flip`: the kernel turned
// by half a circle.
tensor *weight_transpose(graph *graph, tensor *weight, bool flip);
extern const op weight_transpose_op;

// `first` does what `other`, a node of one weight, does too, and `other` goes; false if that cannot be. Weights are
// parameters that have their homes.
bool weight_transpose_join(graph *graph, node *first, node *other);

// dγ = Σ_n product, dβ = Σ_n sum.
mote_status dispatch_norm_parameter_gradient(const node *node, program *program, tensor *const sums[2],
                                             tensor *const gradients[2], mote_error *error);

#endif
