// passes.h: rewriting of a graph: nodes go into the nodes beside them, or do the work of several.
#ifndef MOTE_GRAPH_COMPILE_PASSES_H
#define MOTE_GRAPH_COMPILE_PASSES_H

#include "graph/ir/graph.h"

enum {
#define PASS(name, forward, apply) PASS_NUMBER_##name,
#include "graph/compile/passes.def"
#undef PASS
  PASS_COUNT
};

// A bit each, PASS_SECOND and so on.
enum {
#define PASS(name, forward, apply) PASS_##name = 1 << PASS_NUMBER_##name,
#include "graph/compile/passes.def"
#undef PASS
  PASS_ALL = (1 << PASS_COUNT) - 1,
  // Those that work before differentiation, and change what it walks over.
  PASS_FORWARD = 0
#define PASS(name, forward, apply) | (forward ? PASS_##name : 0)
#include "graph/compile/passes.def"
#undef PASS
};

// Applies `passes` to the whole graph, in the order of passes.def.
mote_status passes_apply(graph *graph, unsigned passes, mote_error *error);

// What each looks at one node for; declared here, so that they may lie in several files.
#define PASS(name, forward, apply) void apply(graph *graph, node *node);
#include "graph/compile/passes.def"
#undef PASS

#endif
