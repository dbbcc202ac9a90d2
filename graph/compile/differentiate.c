// differentiate.c: reverse-mode differentiation over the list of nodes.
#include "graph/compile/differentiate.h"

#include <math.h>
#include <stdio.h>

void graph_scale_gradients(graph *graph, double share) { graph->gradient_scale = ldexpf(1, -ilogb(share)); }

void graph_backward_from(graph *graph, int first_node, tensor *output, tensor *seed) {
  char scope[NAME_BYTES];
  snprintf(scope, sizeof scope, "%s", graph->scope);
  if (!output || !seed) return;
  float given_scale = graph->gradient_scale;
  const node *loss = seed->producer;
  if (loss && loss->op->gradient_share) graph_scale_gradients(graph, loss->op->gradient_share(loss));
  output->grad = seed;
  for (int i = graph->node_count - 1; i >= first_node && !graph->status; i--) {
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

void graph_finish_gradients(graph *graph) {
  for (int i = 0; i < graph->tensor_count; i++) {
    tensor *parameter = graph->tensors[i];
    if (parameter->kind != TENSOR_PARAMETER || !parameter->grad) continue;
    parameter->grad->kind = TENSOR_GRADIENT;
    parameter->grad->gradient_of = parameter;
  }
}

void graph_backward(graph *graph, tensor *output, tensor *seed) {
  graph_backward_from(graph, 0, output, seed);
  graph_finish_gradients(graph);
}
