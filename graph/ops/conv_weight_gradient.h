// conv_weight_gradient.h: the gradient of a convolution's weight, and of its bias where one kernel makes both.
#ifndef MOTE_GRAPH_OPS_CONV_WEIGHT_GRADIENT_H
#define MOTE_GRAPH_OPS_CONV_WEIGHT_GRADIENT_H

#include "graph/ir/graph.h"

// x (N, C1, H, W), second (N, C2, H, W) or NULL and dy (N, O, H, W) give dw like `weight` (O, C1 + C2, k, k); and `*db`
// (1, O, 1, 1) unless it is NULL.
tensor *conv_weight_gradient(graph *graph, tensor *const inputs[3], const tensor *weight, tensor **db);

#endif
