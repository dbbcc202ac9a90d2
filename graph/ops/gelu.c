// gelu.c: GELU as an op of its own; rewrite rules prefer the epilogue of the op before it.
#include "graph/kernels/launch.h"
#include "graph/ops/ops.h"
#include "shaders/gelu.h"
#include "shaders/gelu_backward.h"

// x: any shape and layout; the output is like it.
tensor *gelu(graph *graph, tensor *x) {
  node *node = graph_append(graph, &gelu_op, &x, 1, 0, NULL, 0);
  return node ? node_output(graph, node, x->shape, x->layout) : NULL;
}

static mote_status forward(const node *node, launches *to, mote_error *error) {
  struct gelu_parameters push = {.quads = (uint)(tensor_bytes(node->outputs[0]) / 16)};
  launch launch = {.shader = "gelu",
               .bindings = {node->inputs[0], node->outputs[0]},
               .binding_count = 2,
               .push = &push,
               .push_bytes = sizeof push};
  spread(push.quads, PLAIN_LOCAL_SIZE, launch.groups);
  return launches_add(to, &launch, error);
}

// x, dy → dx, all alike.
static mote_status forward_of_backward(const node *node, launches *to, mote_error *error) {
  struct gelu_backward_parameters push = {.quads = (uint)(tensor_bytes(node->outputs[0]) / 16)};
  launch launch = {.shader = "gelu_backward",
               .bindings = {node->inputs[0], node->inputs[1], node->outputs[0]},
               .binding_count = 3,
               .push = &push,
               .push_bytes = sizeof push};
  spread(push.quads, PLAIN_LOCAL_SIZE, launch.groups);
  return launches_add(to, &launch, error);
}

static const op gelu_backward_op = {.name = "gelu_backward", .forward = forward_of_backward};

static void backward(graph *graph, node *forward) {
  tensor *x = forward->inputs[0];
  node *node = graph_append(graph, &gelu_backward_op, (tensor *[]){x, forward->outputs[0]->grad}, 2, 0, NULL, 0);
  if (node) graph_add_gradient(graph, x, node_output(graph, node, x->shape, x->layout));
}

const op gelu_op = {.name = "gelu", .forward = forward, .backward = backward};
