// passes.c: applies the passes of passes.def.
#include "graph/compile/passes.h"

static void (*const all[PASS_COUNT])(graph *graph, node *node) = {
#define PASS(name, forward, apply) apply,
#include "graph/compile/passes.def"
#undef PASS
};

mote_status passes_apply(graph *graph, unsigned passes, mote_error *error) {
  for (int pass = 0; pass < PASS_COUNT; pass++)
    for (int i = 0, count = graph->node_count; i < count && (passes >> pass & 1) && !graph->status; i++)
      if (!graph->nodes[i]->removed) all[pass](graph, graph->nodes[i]);
  const mote_error found = graph->error;  // which `error` may be
  return graph->status ? fail(error, found.status, "%s", found.message) : MOTE_OK;
}
