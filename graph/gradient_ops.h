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

// Sums that batch_norm and group_norm need, each (N, C, 1, 1). `statistics`: mean and variance behind x's norm.
typedef struct norm_backward {
  tensor *x, *dy, *gamma, *beta, *mean, *variance;
  uint32_t activation;
  bool grouped;
} norm_backward;
mote_status dispatch_norm_sums(const node *node, program *program, const norm_backward *norm, tensor *sum,
                               tensor *product, mote_error *error);

// dγ = Σ_n product, dβ = Σ_n sum.
mote_status dispatch_norm_parameter_gradient(const node *node, program *program, tensor *const sums[2],
                                             tensor *const gradients[2], mote_error *error);

#endif
