// conv_weight_gradient.h: the gradient of a convolution's weight, and of its bias where one kernel makes both.
#ifndef MOTE_GRAPH_CONV_WEIGHT_GRADIENT_H
#define MOTE_GRAPH_CONV_WEIGHT_GRADIENT_H

#include "graph/graph.h"

// x (N, C1, H, W), second (N, C2, H, W) or NULL and dy (N, O, H, W) give dw like `weight` (O, C1 + C2, k, k); and `*db`
// (1, O, 1, 1) unless it is NULL.
tensor *conv_weight_gradient(graph *graph, tensor *const inputs[3], const tensor *weight, tensor **db);
extern const op conv_weight_gradient_op;

// `node` does what `earlier`, another of this op, does too, and `earlier` goes; false if that cannot be: images must be of one
// size, for they are layers of one dispatch, and no more memory be needed. What they write must have its home: it is a
// parameter's gradient.
bool conv_weight_gradient_join(graph *graph, node *node, struct node *earlier);

#endif
