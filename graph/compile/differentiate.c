// differentiate.c: reverse-mode differentiation over the list of nodes.
#include "graph/compile/differentiate.h"

#include "graph/compile/passes.h"

#include <math.h>
#include <stdio.h>

void graph_scale_gradients(graph *graph, double share) { graph->gradient_scale = ldexpf(1, -ilogb(share)); }

static void walk_back(graph *graph, tensor *output, tensor *seed) {
  char scope[NAME_BYTES];
  snprintf(scope, sizeof scope, "%s", graph->scope);
  float given_scale = graph->gradient_scale;
  const node *loss = seed->producer;
  if (loss && loss->op->gradient_share) graph_scale_gradients(graph, loss->op->gradient_share(loss));
  output->grad = seed;
  for (int i = graph->node_count - 1; i >= 0 && !graph->status; i--) {
    node *node = graph->nodes[i];
    if (node->removed || !node->output_count || !node->outputs[0]->grad || !node->outputs[0]->requires_grad) continue;
    if (!node->op->backward) {
      graph_fail(graph, "%s: the op %s has no gradient", node->label, node->op->name);
      break;
    }
    snprintf(graph->scope, sizeof graph->scope, "backward/%.80s", node->label);
    node->op->backward(graph, node);
  }
  graph->gradient_scale = given_scale;
  snprintf(graph->scope, sizeof graph->scope, "%s", scope);
}

static void mark_gradients(const graph *graph) {
  for (int i = 0; i < graph->tensor_count; i++) {
    tensor *tensor = graph->tensors[i];
    if (tensor->kind != TENSOR_PARAMETER || !tensor->grad) continue;
    tensor->grad->kind = TENSOR_GRADIENT;
    tensor->grad->gradient_of = tensor;
  }
}

void append_gradients(graph *graph, node *none) {
  (void)none;
  tensor *output = graph->noted.output;
  if (!output) return;
  graph->noted.output = NULL;
  walk_back(graph, output, graph->noted.seed);
  mark_gradients(graph);
}
