// liveness.h: from where to where tensors are alive, counted in nodes or in launches, stage by stage.
#ifndef MOTE_GRAPH_COMPILE_LIVENESS_H
#define MOTE_GRAPH_COMPILE_LIVENESS_H

#include "graph/ir/graph.h"

// The first and the last place that uses a tensor; first > last: none does.
typedef struct life {
  int first, last;
} life;

// One for each tensor of the graph, by its index, none of them used yet; of a view, the life is that of what it is a part of.
// NULL: out of memory. The caller frees it.
life *liveness_create(const graph *graph);

// Notes that place `at` uses `tensor`, which may be NULL.
void liveness_use(life *lives, const tensor *tensor, int at);

// Places stand stage by stage: ends[s] is the first after those of stage s. What several stages use stays to the end, as any of
// them may be replayed without the one that made it.
void liveness_stay(const graph *graph, life *lives, const int ends[STAGE_COUNT]);

// Would no more bytes be alive at any node than are now at the worst one, if the two of each pair lived from the first use of
// either to the last, or to node `last`? Without memory to count in the graph fails.
bool liveness_can_share(graph *graph, const join_pairs *pairs, const node *last);

#endif
