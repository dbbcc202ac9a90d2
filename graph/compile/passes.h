// passes.h: rewriting of a graph: nodes go into the nodes beside them, or do the work of several.
#ifndef MOTE_GRAPH_COMPILE_PASSES_H
#define MOTE_GRAPH_COMPILE_PASSES_H

#include "graph/ir/graph.h"

enum {
#define PASS(name, when, apply) PASS_NUMBER_##name,
#include "graph/compile/passes.def"
#undef PASS
  PASS_COUNT
};

enum pass_time { PASS_AFTER, PASS_BOTH, PASS_BETWEEN };

// A bit each, PASS_SECOND and so on.
enum {
#define PASS(name, when, apply) PASS_##name = 1 << PASS_NUMBER_##name,
#include "graph/compile/passes.def"
#undef PASS
  PASS_ALL = (1 << PASS_COUNT) - 1,
  // Those that work before differentiation, and change what it walks over.
  PASS_FORWARD = 0
#define PASS(name, when, apply) | (PASS_##when == PASS_BOTH ? PASS_##name : 0)
#include "graph/compile/passes.def"
#undef PASS
};

// Applies `passes` to the whole graph, in the order of passes.def: first those up to differentiation, if a loss is noted that was
// not differentiated yet.
mote_status passes_apply(graph *graph, unsigned passes, mote_error *error);

// Those up to differentiation alone, for who needs the gradients' tensors before the program is made.
mote_status passes_differentiate(graph *graph, unsigned passes, mote_error *error);

// What each looks at one node for; declared here, so that they may lie in several files.
#define PASS(name, when, apply) void apply(graph *graph, node *node);
#include "graph/compile/passes.def"
#undef PASS

#endif
