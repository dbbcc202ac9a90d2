// train_control.c: the gradient's norm, and from it and the step's number all that the optimiser needs.
#include "shaders/train_control.h"

#include "graph/ops.h"
#include "graph/program.h"
#include "shaders/gradient_norm.h"
#include "shaders/train_state.h"

enum { GRADIENTS, LOSS, STATE, RING };

typedef struct train_control_attributes {
  uint32_t schedule, warmup;
  float learning_rate, weight_decay, ema, clip, beta1, beta2;
} train_control_attributes;

// Advances `state` by one step and keeps the loss in `ring`.
bool train_control(graph *graph, const train_control_desc *desc) {
  tensor *inputs[] = {desc->gradients, desc->loss, desc->state, desc->ring};
  const train_control_attributes attributes = {desc->schedule,     desc->warmup, desc->learning_rate,
                                               desc->weight_decay, desc->ema,    desc->clip,
                                               desc->beta1,        desc->beta2};
  node *node = graph_append(graph, &train_control_op, inputs, 4, 0, &attributes, sizeof attributes);
  if (!node) return false;
  size_t pieces = (tensor_bytes(desc->gradients) / 16 + GRADIENT_NORM_QUADS - 1) / GRADIENT_NORM_QUADS;
  return node_output(graph, node, (shape){1, (int)pieces, 1, 1}, LAYOUT_RAW);
}

static mote_status forward(const node *node, program *program, mote_error *error) {
  const train_control_attributes *a = (const void *)node->attributes;
  struct gradient_norm_parameters norm_push = {.quads = (uint)(tensor_bytes(node->inputs[GRADIENTS]) / 16)};
  step norm = {.shader = "gradient_norm",
               .bindings = {node->inputs[GRADIENTS], node->outputs[0]},
               .binding_count = 2,
               .push = &norm_push,
               .push_bytes = sizeof norm_push};
  uint pieces = (uint)node->outputs[0]->shape.c;
  spread(pieces, 8, norm.groups);
  TRY(program_dispatch(program, node, &norm, error));
  struct train_control_parameters push = {pieces, a->schedule, a->warmup, a->learning_rate, a->weight_decay,
                                          a->ema, a->clip,     a->beta1,  a->beta2};
  const step control = {.shader = "train_control",
                        .bindings = {node->outputs[0], node->inputs[LOSS], node->inputs[STATE], node->inputs[RING]},
                        .binding_count = 4,
                        .push = &push,
                        .push_bytes = sizeof push};
  return program_dispatch(program, node, &control, error);
}

const op train_control_op = {.name = "train_control", .forward = forward};
