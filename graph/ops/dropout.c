// dropout.c: numbers that are zero by chance, in training.
#include "graph/kernels/kernel.h"
#include "graph/ops/ops.h"
#include "shaders/dropout.h"

enum { X, STATE, INDEX, INPUT_COUNT };

typedef struct dropout_attributes {
  float p;
  uint32_t layer;
} dropout_attributes;

static tensor *append(graph *graph, tensor *const inputs[INPUT_COUNT], const dropout_attributes *attributes) {
  node *node = graph_append(graph, &dropout_op, inputs, INPUT_COUNT, 0, attributes, sizeof *attributes);
  return node ? node_output(graph, node, inputs[X]->shape, ROLE_ACTIVATION) : NULL;
}

static uint32_t count_layers(const graph *graph) {
  uint32_t count = 0;
  for (int i = 0; i < graph->node_count; i++) count += graph->nodes[i]->op == &dropout_op;
  return count;
}

// x (N, C, H, W) gives its like: each number 0 with probability `p`, below 1, else divided by 1 - p. `state` and `index` are those of
// a drawn batch: what is dropped differs from training step to training step, from image to image and from layer to layer.
tensor *dropout(graph *graph, tensor *x, float p, tensor *state, tensor *index) {
  if (!x || !state || !index) return NULL;
  if (x->role != ROLE_ACTIVATION || !(p >= 0 && p < 1) || tensor_elements(index) != (size_t)x->shape.n)
    return graph_fail(graph, "dropout: found p %g, %s and %zu images, expected 0 or more, below 1, and as many images", (double)p,
                      shape_format(x->shape).text, tensor_elements(index));
  const dropout_attributes attributes = {.p = p, .layer = count_layers(graph)};
  return append(graph, (tensor *[]){x, state, index}, &attributes);
}

static mote_status forward(const node *node, launches *to, mote_error *error) {
  const dropout_attributes *attributes = (const void *)node->attributes;
  const tensor *x = node->inputs[X];
  const uint vectors = (uint)(tensor_bytes(x) / 16);
  const struct dropout_parameters push = {.vectors = vectors,
                                          .each = vectors / (uint)x->shape.n,
                                          .layer = attributes->layer,
                                          .threshold = (uint)((double)attributes->p * 0x1p32),
                                          .factor = 1 / (1 - attributes->p)};
  launch launch = {.shader = "dropout",
               .bindings = {node->inputs[X], node->inputs[STATE], node->inputs[INDEX], node->outputs[0]},
               .binding_count = 4,
               .push = &push,
               .push_bytes = sizeof push};
  spread(push.vectors, PLAIN_LOCAL_SIZE, launch.groups);
  return launches_add(to, &launch, error);
}

// The same of dy.
static void backward(graph *graph, node *forward) {
  tensor *const inputs[INPUT_COUNT] = {forward->outputs[0]->grad, forward->inputs[STATE], forward->inputs[INDEX]};
  graph_add_gradient(graph, forward->inputs[X], append(graph, inputs, (const void *)forward->attributes));
}

const op dropout_op = {.name = "dropout", .kernels = ONE_KERNEL("dropout", forward), .backward = backward};
