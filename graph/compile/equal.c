// equal.c: the pass that makes nodes which compute the same one: common subexpressions.
#include <string.h>

#include "graph/compile/passes.h"
#include "graph/compile/ready.h"

static bool is_written(const graph *graph, const tensor *tensor) {
  for (int i = 0; i < graph->node_count; i++) {
    const node *node = graph->nodes[i];
    for (int k = 0; k < node->input_count && !node->removed; k++)
      if ((node->writes >> k & 1) && node->inputs[k] == tensor) return true;
  }
  return false;
}

// Whether `tensor` is read by nodes alone, and stays what its node made.
static bool is_replaceable(const graph *graph, const tensor *tensor) {
  return tensor->kind == TENSOR_ACTIVATION && !tensor->keep && !tensor->view_of && !is_written(graph, tensor);
}

static bool are_equal(const graph *graph, const node *first, const node *node) {
  if (first->op != node->op || first->stage != node->stage || first->removed || first->writes || node->writes) return false;
  if (first->input_count != node->input_count || first->output_count != node->output_count) return false;
  if (memcmp(first->inputs, node->inputs, (size_t)node->input_count * sizeof *node->inputs)) return false;
  if (memcmp(first->attributes, node->attributes, sizeof node->attributes)) return false;
  for (int i = 0; i < node->output_count; i++)
    if (!is_replaceable(graph, node->outputs[i]) || is_written(graph, first->outputs[i])) return false;
  return node->output_count && could_run_at(graph, node, first);
}

static void replace(graph *graph, const tensor *tensor, struct tensor *by) {
  for (int i = 0; i < graph->node_count; i++)
    for (int k = 0; k < graph->nodes[i]->input_count; k++)
      if (graph->nodes[i]->inputs[k] == tensor) graph->nodes[i]->inputs[k] = by;
}

void merge_equal(graph *graph, node *node) {
  for (int i = 0; i < node->index; i++) {
    struct node *first = graph->nodes[i];
    if (!are_equal(graph, first, node)) continue;
    for (int k = 0; k < node->output_count; k++) replace(graph, node->outputs[k], first->outputs[k]);
    node->removed = true;
    return;
  }
}
