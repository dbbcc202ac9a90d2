// batch_norm_fold.c: weights and bias of a convolution with the batch normalisation after it folded in.
#include "graph/kernels/kernel.h"
#include "graph/ops/ops.h"
#include "shaders/batch_norm_fold.h"

// Replaces *weight (O, C, k, k) and *bias (1, O, 1, 1) by folded ones. `tensors`: gamma, beta, running mean and
// running variance, as they stand in batch_norm's inputs.
bool batch_norm_fold(graph *graph, tensor **weight, tensor **bias, tensor *const tensors[4]) {
  tensor *inputs[] = {*weight, *bias, tensors[0], tensors[1], tensors[2], tensors[3]};
  node *node = graph_append(graph, &batch_norm_fold_op, inputs, 6, 0, NULL, 0);
  if (!node) return false;
  tensor *folded_weight = node_output(graph, node, (*weight)->shape, (*weight)->role);
  tensor *folded_bias = node_output(graph, node, (*bias)->shape, (*bias)->role);
  if (!folded_weight || !folded_bias) return false;
  *weight = folded_weight;
  *bias = folded_bias;
  return true;
}

static mote_status forward(const node *node, launches *to, mote_error *error) {
  shape w = node->inputs[0]->shape;
  struct batch_norm_fold_parameters push = {.in_quads = (uint)round_up(w.c, 8) / 4,
                                            .taps = (uint)(w.h * w.w),
                                            .out_blocks = (uint)round_up(w.n, 8) / 8,
                                            .epsilon = 1e-5f};
  launch launch = {.shader = "batch_norm_fold",
               .bindings = {node->inputs[0], node->inputs[1], node->inputs[2], node->inputs[3], node->inputs[4],
                            node->inputs[5], node->outputs[0], node->outputs[1]},
               .binding_count = 8,
               .push = &push,
               .push_bytes = sizeof push};
  spread((uint64_t)push.out_blocks * 8, 8, launch.groups);
  return launches_add(to, &launch, error);
}

const op batch_norm_fold_op = {.name = "batch_norm_fold", .kernels = ONE_KERNEL("batch_norm_fold", forward)};
