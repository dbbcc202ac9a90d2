// liveness.h: which activations a list of nodes holds at one time, for rewrite rules that must not let them grow.
#ifndef MOTE_GRAPH_COMPILE_LIVENESS_H
#define MOTE_GRAPH_COMPILE_LIVENESS_H

#include "graph/ir/graph.h"

// Two activations, or views, that are to become parts of one.
typedef struct alive_pair {
  const tensor *a, *b;
} alive_pair;

// Would no more bytes be alive at any node than are now at the worst one, if the two of each pair lived from the first use of
// either to the last, or to `last_node`? False, too, for want of memory to count in.
bool alive_can_share(const graph *graph, const alive_pair *pairs, int pair_count, int last_node);

#endif
