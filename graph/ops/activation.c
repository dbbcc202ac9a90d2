// activation.c: an activation as an op of its own; passes prefer the epilogue of the op before it.
#include "shaders/activation.h"

#include "graph/kernels/kernel.h"
#include "graph/ops/ops.h"

// x: any shape and layout; the output is like it. `kind`: ACTIVATION_… of shaders/types.h
tensor *activation(graph *graph, tensor *x, uint32_t kind) {
  const epilogue attributes = {.activation = kind, .scale = 1};
  node *node = graph_append(graph, &activation_op, &x, 1, 0, &attributes, sizeof attributes);
  return node ? node_output(graph, node, x->shape, x->role) : NULL;
}

// Of both directions: all inputs and then the output are bound, which are alike.
static mote_status forward(const node *node, launches *to, mote_error *error) {
  const epilogue *attributes = (const void *)node->attributes;
  struct activation_parameters push = {.quads = (uint)(tensor_bytes(node->outputs[0]) / 16)};
  launch launch = {.shader = node->op->name,
               .spec = {[ACTIVATION_KIND] = attributes->activation},
               .spec_count = 1,
               .binding_count = (uint32_t)node->input_count + 1,
               .push = &push,
               .push_bytes = sizeof push};
  for (int i = 0; i < node->input_count; i++) launch.bindings[i] = node->inputs[i];
  launch.bindings[node->input_count] = node->outputs[0];
  spread(push.quads, PLAIN_LOCAL_SIZE, launch.groups);
  return launches_add(to, &launch, error);
}

// x, dy → dx
const op activation_backward_op = {.name = "activation_backward", .kernels = ONE_KERNEL("activation_backward", forward)};

static void backward(graph *graph, node *forward) {
  tensor *x = forward->inputs[0];
  node *node = graph_append(graph, &activation_backward_op, (tensor *[]){x, forward->outputs[0]->grad}, 2, 0,
                            forward->attributes, sizeof(epilogue));
  if (node) graph_add_gradient(graph, x, node_output(graph, node, x->shape, x->role));
}

const op activation_op = {.name = "activation", .kernels = ONE_KERNEL("activation", forward), .backward = backward, .fills = SLOT_ACTIVATION};
