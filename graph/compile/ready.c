// ready.c: what nodes write, and whether something waits for it.
#include "graph/compile/ready.h"

#include "graph/ir/views.h"

static bool writes(const node *node, const tensor *tensor) {
  for (int i = 0; i < node->input_count; i++)
    if ((node->writes >> i & 1) && node->inputs[i] && share_bytes(node->inputs[i], tensor)) return true;
  for (int i = 0; i < node->output_count; i++)
    if (node->outputs[i] == tensor) return true;
  return false;
}

// Whether `tensor` is when `first` runs what it is for `last`: nothing between them makes or updates it.
static bool is_ready_at(const graph *graph, const tensor *tensor, const node *first, const node *last) {
  for (int i = first->index; i < last->index && tensor; i++)
    if (!graph->nodes[i]->removed && writes(graph->nodes[i], tensor)) return false;
  return true;
}

bool could_run_at(const graph *graph, const node *node, const struct node *first) {
  for (int i = 0; i < node->input_count; i++)
    if (!is_ready_at(graph, node->inputs[i], first, node)) return false;
  return true;
}
