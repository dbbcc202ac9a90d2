// passes.c: applies the passes of passes.def.
#include "graph/compile/passes.h"

static const struct pass {
  enum pass_time when;
  void (*apply)(graph *graph, node *node);
} all[PASS_COUNT] = {
#define PASS(name, when, apply) {PASS_##when, apply},
#include "graph/compile/passes.def"
#undef PASS
};

// The passes that work then, or then too.
static void apply_at(graph *graph, enum pass_time when, unsigned passes) {
  for (int pass = 0; pass < PASS_COUNT; pass++) {
    bool works = all[pass].when == when || (when == PASS_AFTER && all[pass].when == PASS_BOTH);
    for (int i = 0, count = graph->node_count; i < count && works && (passes >> pass & 1) && !graph->status; i++)
      if (when != PASS_BETWEEN && !graph->nodes[i]->removed) all[pass].apply(graph, graph->nodes[i]);
    if (works && when == PASS_BETWEEN && (passes >> pass & 1) && !graph->status) all[pass].apply(graph, NULL);
  }
}

static mote_status report(const graph *graph, mote_error *error) {
  const mote_error found = graph->error;  // which `error` may be
  return graph->status ? fail(error, found.status, "%s", found.message) : MOTE_OK;
}

mote_status passes_differentiate(graph *graph, unsigned passes, mote_error *error) {
  apply_at(graph, PASS_BOTH, passes);
  apply_at(graph, PASS_BETWEEN, passes);
  return report(graph, error);
}

mote_status passes_apply(graph *graph, unsigned passes, mote_error *error) {
  if (graph->noted.output) TRY(passes_differentiate(graph, passes, error));
  apply_at(graph, PASS_AFTER, passes);
  return report(graph, error);
}
