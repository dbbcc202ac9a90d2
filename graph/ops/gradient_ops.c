// gradient_ops.c: what several gradient rules share.
#include "graph/ops/gradient_ops.h"

#include "graph/ir/views.h"

void graph_add_gradient(graph *graph, tensor *of, tensor *d) {
  if (!of || !d || !of->requires_grad) return;
  of->grad = of->grad ? add(graph, of->grad, d, 1) : d;
}

double loss_share(const node *loss) { return ((const loss_attributes *)(const void *)loss->attributes)->share; }

tensor *loss_parts(tensor *loss) {
  if (!loss) return NULL;
  ((loss_attributes *)(void *)loss->producer->attributes)->in_parts = true;
  return loss->producer->outputs[2];
}

static bool can_be_part(const tensor *tensor) {
  return tensor->kind == TENSOR_ACTIVATION && !tensor->keep && !tensor->view_of;
}

bool data_gradients_fit(const graph *graph, const node *first, const node *other, join_pairs *pairs) {
  tensor *dx = first->outputs[0], *second = other->outputs[0];
  *pairs = (join_pairs){{{dx, second}}, 1};
  return can_be_part(dx) && can_be_part(second) && share_fits(graph, &dx, 1, second);
}

bool outputs_join(graph *graph, node *first, node *other) {
  tensor *second = other->outputs[0];
  if (!share_add(graph, first->outputs[0], second)) return false;
  first->outputs[first->output_count++] = second;
  second->producer = first;
  return true;
}
