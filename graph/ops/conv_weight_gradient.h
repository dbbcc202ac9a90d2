// conv_weight_gradient.h: the gradient of a convolution's weight, and of its bias where one kernel makes both.
#ifndef MOTE_GRAPH_OPS_CONV_WEIGHT_GRADIENT_H
#define MOTE_GRAPH_OPS_CONV_WEIGHT_GRADIENT_H

#include "graph/ir/graph.h"

// x (N, C1, H, W), second (N, C2, H, W) or NULL and dy (N, O, H, W) give dw like `weight` (O, C1 + C2, k, k); and `*db`
// (1, O, 1, 1) unless it is NULL.
tensor *conv_weight_gradient(graph *graph, tensor *const inputs[3], const tensor *weight, tensor **db);

// Lets `node` do the work of `earlier`, another node of this op, in one dispatch and removes `earlier`. False if that cannot be:
// images must be of one size, no more memory be needed, and both must write a parameter's gradient, which has its home.
bool conv_weight_gradient_join(graph *graph, node *node, struct node *earlier);

#endif
