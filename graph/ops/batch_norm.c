// batch_norm.c: batch normalisation (Ioffe & Szegedy 2015) with PyTorch's constants.
#include "graph/channel_stats.h"
#include "graph/ops.h"
#include "graph/program.h"
#include "shaders/batch_norm.h"

enum { X, GAMMA, BETA, RUNNING_MEAN, RUNNING_VAR, INPUT_COUNT };
enum { Y, MEAN, VARIANCE, IMAGE_MEAN, IMAGE_DEVIATION };  // all but Y in training only

// x (N, C, H, W) gives its like. `train`: mean and biased variance of this batch, which become outputs 1 and 2; else
// the running ones.
tensor *batch_norm(graph *graph, tensor *x, const batch_norm_tensors *tensors, bool train) {
  if (!x || !tensors->gamma) return NULL;
  if (tensors->gamma->shape.c != x->shape.c || x->layout != LAYOUT_C8)
    return graph_fail(graph, "batch_norm: %s and %d weights do not fit", shape_format(x->shape).text,
                      tensors->gamma->shape.c);
  tensor *inputs[INPUT_COUNT] = {x, tensors->gamma, tensors->beta, tensors->running_mean, tensors->running_var};
  const epilogue attributes = {.scale = 1};
  node *node = graph_append(graph, &batch_norm_op, inputs, INPUT_COUNT, 0, &attributes, sizeof attributes);
  if (!node) return NULL;
  tensor *y = node_output(graph, node, x->shape, LAYOUT_C8);
  if (!train) return y;
  shape a_channel = {1, x->shape.c, 1, 1}, an_image = {x->shape.n, x->shape.c, 1, 1};
  node_output(graph, node, a_channel, LAYOUT_C8);
  node_output(graph, node, a_channel, LAYOUT_C8);
  node_output(graph, node, an_image, LAYOUT_C8);
  node_output(graph, node, an_image, LAYOUT_C8);
  return y;
}

static mote_status dispatch_stats(const node *node, program *program, mote_error *error) {
  const tensor *x = node->inputs[X];
  TRY(dispatch_channel_stats(node, program, node->inputs[X], node->outputs[IMAGE_MEAN],
                             node->outputs[IMAGE_DEVIATION], error));
  struct batch_norm_stats_parameters push = {.batch = (uint)x->shape.n,
                                             .channels = (uint)round_up(x->shape.c, 8),
                                             .pixels = (uint)(x->shape.h * x->shape.w)};
  step step = {.shader = "batch_norm_stats",
               .bindings = {node->outputs[IMAGE_MEAN], node->outputs[IMAGE_DEVIATION], node->outputs[MEAN],
                            node->outputs[VARIANCE]},
               .binding_count = 4,
               .push = &push,
               .push_bytes = sizeof push};
  spread(push.channels, 8, step.groups);
  return program_dispatch(program, node, &step, error);
}

static mote_status forward(const node *node, program *program, mote_error *error) {
  const epilogue *attributes = (const void *)node->attributes;
  const tensor *x = node->inputs[X];
  bool train = node->output_count > 1;
  if (train) TRY(dispatch_stats(node, program, error));
  struct batch_norm_parameters push = {.quads = (uint)(tensor_bytes(x) / 16),
                                       .channel_quads = (uint)round_up(x->shape.c, 8) / 4,
                                       .pixels = (uint)(x->shape.h * x->shape.w),
                                       .epsilon = 1e-5f};
  step step = {.shader = "batch_norm",
               .spec = {[BATCH_NORM_ACTIVATION] = attributes->activation},
               .spec_count = 1,
               .bindings = {node->inputs[X], node->inputs[GAMMA], node->inputs[BETA],
                            train ? node->outputs[MEAN] : node->inputs[RUNNING_MEAN],
                            train ? node->outputs[VARIANCE] : node->inputs[RUNNING_VAR], node->outputs[Y]},
               .binding_count = 6,
               .push = &push,
               .push_bytes = sizeof push};
  spread(push.quads, PLAIN_LOCAL_SIZE, step.groups);
  return program_dispatch(program, node, &step, error);
}

const op batch_norm_op = {.name = "batch_norm", .forward = forward, .has_epilogue = true};
