// add.c: the scaled sum of two tensors.
#include "graph/kernels/kernel.h"
#include "graph/ops/ops.h"
#include "shaders/add.h"

// (a + b) · scale; a and b are of one shape and layout.
tensor *add(graph *graph, tensor *a, tensor *b, float scale) {
  if (!a || !b) return NULL;
  if (!shape_equal(a->shape, b->shape) || a->role != b->role)
    return graph_fail(graph, "add: %s and %s differ", shape_format(a->shape).text, shape_format(b->shape).text);
  const epilogue attributes = {.scale = scale};
  node *node = graph_append(graph, &add_op, (tensor *[]){a, b}, 2, 0, &attributes, sizeof attributes);
  return node ? node_output(graph, node, a->shape, a->role) : NULL;
}

static mote_status forward(const node *node, launches *to, mote_error *error) {
  const epilogue *attributes = (const void *)node->attributes;
  struct add_parameters push = {.quads = (uint)(tensor_bytes(node->outputs[0]) / 16), .scale = attributes->scale};
  launch launch = {.shader = "add",
               .bindings = {node->inputs[0], node->inputs[1], node->outputs[0]},
               .binding_count = 3,
               .push = &push,
               .push_bytes = sizeof push};
  spread(push.quads, PLAIN_LOCAL_SIZE, launch.groups);
  return launches_add(to, &launch, error);
}

// da = db = scale · dy. Half of dy and half of it again are added, so that the one kernel serves.
static void backward(graph *graph, node *forward) {
  const epilogue *attributes = (const void *)forward->attributes;
  tensor *dy = forward->outputs[0]->grad;
  tensor *scaled = attributes->scale == 1 ? dy : add(graph, dy, dy, attributes->scale / 2);
  graph_add_gradient(graph, forward->inputs[0], scaled);
  graph_add_gradient(graph, forward->inputs[1], scaled);
}

const op add_op = {.name = "add", .kernels = ONE_KERNEL("add", forward), .backward = backward, .fills = SLOT_RESIDUAL};
