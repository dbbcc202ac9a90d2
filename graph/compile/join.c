// join.c: passes that let one node do the work of several of its op.
#include "graph/compile/liveness.h"
#include "graph/compile/passes.h"
#include "graph/compile/ready.h"

// How nodes of its op join there; NULL: they do not.
static const join *join_of(const node *node, int where) {
  for (int i = 0; i < JOINS; i++)
    if (node->op->joins[i] && (int)node->op->joins[i]->where == where) return node->op->joins[i];
  return NULL;
}

// `node` does the work of `other` too and `other` goes, unless that cannot be or would take more memory. It runs as `last` does.
static bool join_nodes(graph *graph, int where, node *node, struct node *other, const struct node *last) {
  const join *join = join_of(node, where);
  join_pairs pairs = {.count = 0};
  if (!join || node->op != other->op || node->stage != other->stage || node->removed || other->removed) return false;
  if (!join->fits(graph, node, other, &pairs)) return false;
  if (pairs.count && !liveness_can_share(graph, &pairs, last)) return false;
  other->removed = join->take(graph, node, other);
  return other->removed;
}

static bool is_made_of_parameters(const node *node) {
  for (int i = 0; i < node->input_count; i++)
    if (node->inputs[i] && node->inputs[i]->kind != TENSOR_PARAMETER) return false;
  return true;
}

static void join_to_first(graph *graph, node *node) {
  for (int i = 0; i < node->index; i++) {
    struct node *first = graph->nodes[i];
    if (first->op == node->op && could_run_at(graph, node, first) && join_nodes(graph, JOIN_EARLIER, first, node, node)) return;
  }
}

void join_weights(graph *graph, node *node) {
  if (join_of(node, JOIN_EARLIER) && is_made_of_parameters(node)) join_to_first(graph, node);
}

void join_earlier(graph *graph, node *node) {
  if (join_of(node, JOIN_EARLIER) && !is_made_of_parameters(node)) join_to_first(graph, node);
}

void join_later(graph *graph, node *node) {
  for (int i = node->index - 1; i >= 0; i--)
    if (join_nodes(graph, JOIN_LATER, node, graph->nodes[i], node)) return;
}

void join_neighbour(graph *graph, node *node) {
  if (node->index) join_nodes(graph, JOIN_NEIGHBOUR, graph->nodes[node->index - 1], node, node);
}
