// ready.h: whether a node could run earlier than it does.
#ifndef MOTE_GRAPH_COMPILE_READY_H
#define MOTE_GRAPH_COMPILE_READY_H

#include "graph/ir/graph.h"

// Whether all that `node` takes is, when `first` runs, what it is for `node`: nothing between them makes or updates it.
bool could_run_at(const graph *graph, const node *node, const struct node *first);

#endif
