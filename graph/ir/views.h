// views.h: several tensors in one binding, so that one dispatch can work on all of them.
//
// Tensors that the program places become views of a new one, in which they lie one after the other. Those that have their
// homes, such as parameters and their gradients, stay there, and a launch binds the part of their buffer that they lie in.
#ifndef MOTE_GRAPH_IR_VIEWS_H
#define MOTE_GRAPH_IR_VIEWS_H

#include "graph/ir/graph.h"

// Whether one binding can hold `parts`, of which several share one already, and `more`.
bool share_fits(const graph *graph, tensor *const *parts, int count, const tensor *more);

// Lets `more` share a binding with `first`, and with what that shares one with. False: it does not fit, or there is no memory, and the
// graph says so.
bool share_add(graph *graph, tensor *first, tensor *more);

// What a launch binds for `parts`, which share a binding: of one, itself. NULL: out of memory, and the graph says so.
tensor *share_whole(graph *graph, tensor *const *parts, int count);

// Whether something lies in both, as far as that is known before tensors are placed.
bool share_bytes(const tensor *one, const tensor *other);

// Where `part` begins in `whole`, which holds it or is it; in vec4s.
uint32_t share_offset(const tensor *whole, const tensor *part);

#endif
