// views.h: several tensors in one binding, so that one dispatch can work on all of them.
//
// Tensors that the program places become views of a new one, in which they lie one after the other. Those that have their
// homes, such as parameters and their gradients, stay there, and the new one spans the part of their buffer that they lie in.
#ifndef MOTE_GRAPH_IR_VIEWS_H
#define MOTE_GRAPH_IR_VIEWS_H

#include "graph/ir/graph.h"

// Whether share_add would work. `whole` is what share_begin gave or is going to be given.
bool share_fits(const graph *graph, const tensor *whole, const tensor *part);

// What holds `first` and, once they are added, others. NULL: out of memory, and the graph says so.
tensor *share_begin(graph *graph, tensor *first);

// Puts `part` into `whole` unless it lies there already. False: it does not fit.
bool share_add(const graph *graph, tensor *whole, tensor *part);

// Where `part` begins in `whole`, which holds it or is it; in vec4s.
uint32_t share_offset(const tensor *whole, const tensor *part);

#endif
