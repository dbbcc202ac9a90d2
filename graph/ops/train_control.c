// train_control.c: the gradient's norm, and from it and the step's number all that the optimiser needs.
#include "shaders/train_control.h"

#include "graph/kernels/kernel.h"
#include "graph/kernels/norm_lanes.h"
#include "graph/ops/ops.h"
#include "shaders/train_state.h"

enum { GRADIENTS, LOSS, STATE, RING, WEIGHTS, STATISTICS };

typedef struct train_control_attributes {
  uint32_t schedule, warmup;
  float learning_rate, weight_decay, ema, clip, beta1, beta2;
  float loss_share;
} train_control_attributes;

static int count_pieces(const tensor *flat) {
  return (int)((tensor_bytes(flat) / 16 + TRAIN_CONTROL_QUADS - 1) / TRAIN_CONTROL_QUADS);
}

// Advances `state` by one step and keeps the loss in `ring`. The outputs are sums of squares of the gradients, and of the
// weights, a piece each.
bool train_control(graph *graph, const train_control_desc *desc) {
  tensor *inputs[] = {desc->gradients, desc->loss, desc->state, desc->ring, desc->weights, desc->statistics};
  const train_control_attributes attributes = {desc->schedule,     desc->warmup, desc->learning_rate,
                                               desc->weight_decay, desc->ema,    desc->clip,
                                               desc->beta1,        desc->beta2,    desc->loss_share};
  node *node = graph_append(graph, &train_control_op, inputs, 6, 1u << STATISTICS, &attributes, sizeof attributes);
  if (!node) return false;
  return node_output(graph, node, (shape){1, count_pieces(desc->gradients), 1, 1}, ROLE_TABLE) &&
         node_output(graph, node, (shape){1, count_pieces(desc->weights), 1, 1}, ROLE_TABLE);
}

static mote_status forward(const node *node, launches *to, mote_error *error) {
  const train_control_attributes *a = (const void *)node->attributes;
  tensor *const *in = node->inputs, *const *out = node->outputs;
  struct train_control_parameters push = {.gradient_quads = (uint)(tensor_bytes(in[GRADIENTS]) / 16),
                                          .weight_quads = (uint)(tensor_bytes(in[WEIGHTS]) / 16),
                                          .schedule = a->schedule,
                                          .warmup = a->warmup,
                                          .learning_rate = a->learning_rate,
                                          .weight_decay = a->weight_decay,
                                          .ema = a->ema,
                                          .clip = a->clip,
                                          .beta1 = a->beta1,
                                          .beta2 = a->beta2,
                                          .loss_parts = (uint)in[LOSS]->shape.c,
                                          .loss_share = a->loss_share};
  launch launch = {.shader = "train_control",
               .spec = {[TRAIN_CONTROL_LANES] = norm_lanes(to->caps, in[GRADIENTS], MOST_LANES)},
               .spec_count = 1,
               .bindings = {in[GRADIENTS], in[WEIGHTS], out[0], out[1], in[LOSS], in[STATE], in[RING],
                            in[STATISTICS] ? in[STATISTICS] : in[GRADIENTS]},
               .binding_count = 8,
               .push = &push,
               .push_bytes = sizeof push};
  spread((uint64_t)(out[0]->shape.c + out[1]->shape.c), 1, launch.groups);
  return launches_add(to, &launch, error);
}

const op train_control_op = {.name = "train_control",
                             .kernels = ONE_KERNEL("train_control", forward),
                             .writes = 1u << STATE | 1u << RING};
