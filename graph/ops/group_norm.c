// group_norm.c: group normalisation (Wu & He 2018) with eight groups and PyTorch's epsilon.
#include "graph/channel_stats.h"
#include "graph/gradient_ops.h"
#include "graph/ops.h"
#include "graph/program.h"
#include "graph/texel.h"
#include "shaders/group_norm.h"
#include "shaders/group_norm_backward.h"

enum { X, GAMMA, BETA };
enum { Y, MEAN, VARIANCE, CHANNEL_MEAN, CHANNEL_DEVIATION };

// x (N, C, H, W) with C a multiple of 8, gamma and beta (1, C, 1, 1) give x's like.
tensor *group_norm(graph *graph, tensor *x, tensor *gamma, tensor *beta) {
  if (!x || !gamma || !beta) return NULL;
  if (gamma->shape.c != x->shape.c || x->shape.c % 8 || x->layout != LAYOUT_C8)
    return graph_fail(graph, "group_norm: %s and %d weights do not fit", shape_format(x->shape).text,
                      gamma->shape.c);
  const epilogue attributes = {.scale = 1};
  node *node = graph_append(graph, &group_norm_op, (tensor *[]){x, gamma, beta}, 3, 0, &attributes,
                            sizeof attributes);
  if (!node) return NULL;
  tensor *y = node_output(graph, node, x->shape, LAYOUT_C8);
  shape groups = {x->shape.n, GROUP_NORM_GROUPS, 1, 1}, channels = {x->shape.n, x->shape.c, 1, 1};
  node_output(graph, node, groups, LAYOUT_C8);
  node_output(graph, node, groups, LAYOUT_C8);
  node_output(graph, node, channels, LAYOUT_C8);
  node_output(graph, node, channels, LAYOUT_C8);
  return y;
}

static mote_status dispatch_stats(const node *node, program *program, mote_error *error) {
  const tensor *x = node->inputs[X];
  TRY(dispatch_channel_stats(node, program, node->inputs[X], node->outputs[CHANNEL_MEAN],
                             node->outputs[CHANNEL_DEVIATION], error));
  struct group_norm_stats_parameters push = {
      .batch = (uint)x->shape.n, .channels = (uint)x->shape.c, .pixels = (uint)(x->shape.h * x->shape.w)};
  step step = {.shader = "group_norm_stats",
               .bindings = {node->outputs[CHANNEL_MEAN], node->outputs[CHANNEL_DEVIATION], node->outputs[MEAN],
                            node->outputs[VARIANCE]},
               .binding_count = 4,
               .push = &push,
               .push_bytes = sizeof push};
  spread((uint64_t)push.batch * GROUP_NORM_GROUPS, 8, step.groups);
  return program_dispatch(program, node, &step, error);
}

static mote_status forward(const node *node, program *program, mote_error *error) {
  const epilogue *attributes = (const void *)node->attributes;
  const tensor *x = node->inputs[X];
  TRY(dispatch_stats(node, program, error));
  struct group_norm_parameters push = {.blocks = (uint)x->shape.n * (uint)round_up(x->shape.c, 8) / 8,
                                       .channels = (uint)x->shape.c,
                                       .pixels = (uint)(x->shape.h * x->shape.w),
                                       .epsilon = 1e-5f};
  step step = {.shader = VECTOR_SHADER(program, "group_norm", node->inputs[X]),
               .spec = {[GROUP_NORM_ACTIVATION] = attributes->activation},
               .spec_count = 1,
               .bindings = {node->inputs[X], node->inputs[GAMMA], node->inputs[BETA], node->outputs[MEAN],
                            node->outputs[VARIANCE], node->outputs[Y]},
               .binding_count = 6,
               .push = &push,
               .push_bytes = sizeof push};
  spread((uint64_t)push.blocks * PLAIN_LOCAL_SIZE, PLAIN_LOCAL_SIZE, step.groups);
  return program_dispatch(program, node, &step, error);
}

// ---------------------------------------------------------------------------------------------------------------------
// Backward, through the activation too

enum { B_X, B_DY, B_GAMMA, B_BETA, B_MEAN, B_VARIANCE, B_INPUT_COUNT };
enum { B_DX, B_DGAMMA, B_DBETA, B_SUM, B_PRODUCT, B_SUMS_A, B_SUMS_B };

static mote_status dispatch_backward_stats(const node *node, program *program, mote_error *error) {
  tensor *const *in = node->inputs, *const *out = node->outputs;
  shape x = in[B_X]->shape;
  struct group_norm_backward_stats_parameters push = {.batch = (uint)x.n, .channels = (uint)x.c};
  step step = {.shader = "group_norm_backward_stats",
               .bindings = {out[B_SUM], out[B_PRODUCT], in[B_GAMMA], out[B_SUMS_A], out[B_SUMS_B]},
               .binding_count = 5,
               .push = &push,
               .push_bytes = sizeof push};
  spread((uint64_t)push.batch * GROUP_NORM_GROUPS, 8, step.groups);
  return program_dispatch(program, node, &step, error);
}

static mote_status backward_forward(const node *node, program *program, mote_error *error) {
  const epilogue *attributes = (const void *)node->attributes;
  tensor *const *in = node->inputs, *const *out = node->outputs;
  shape x = in[B_X]->shape;
  const norm_backward norm = {in[B_X],    in[B_DY],       in[B_GAMMA],           in[B_BETA],
                              in[B_MEAN], in[B_VARIANCE], attributes->activation, true};
  TRY(dispatch_norm_sums(node, program, &norm, out[B_SUM], out[B_PRODUCT], error));
  TRY(dispatch_norm_parameter_gradient(node, program, (tensor *[]){out[B_SUM], out[B_PRODUCT]},
                                       (tensor *[]){out[B_DGAMMA], out[B_DBETA]}, error));
  TRY(dispatch_backward_stats(node, program, error));
  struct group_norm_backward_parameters push = {.blocks = (uint)in[B_X]->shape.n * (uint)round_up(in[B_X]->shape.c, 8) / 8,
                                                .channels = (uint)x.c,
                                                .pixels = (uint)(x.h * x.w),
                                                .epsilon = 1e-5f};
  step step = {.shader = VECTOR_SHADER(program, "group_norm_backward", in[B_X]),
               .spec = {[GROUP_NORM_BACKWARD_ACTIVATION] = attributes->activation},
               .spec_count = 1,
               .bindings = {in[B_X], in[B_DY], in[B_GAMMA], in[B_BETA], in[B_MEAN], in[B_VARIANCE], out[B_SUMS_A],
                            out[B_SUMS_B], out[B_DX]},
               .binding_count = 9,
               .push = &push,
               .push_bytes = sizeof push};
  spread((uint64_t)push.blocks * PLAIN_LOCAL_SIZE, PLAIN_LOCAL_SIZE, step.groups);
  return program_dispatch(program, node, &step, error);
}

static const op group_norm_backward_op = {.name = "group_norm_backward", .forward = backward_forward};

static void backward(graph *graph, const node *forward) {
  tensor *x = forward->inputs[X], *gamma = forward->inputs[GAMMA], *beta = forward->inputs[BETA];
  tensor *inputs[B_INPUT_COUNT] = {x,    forward->outputs[Y]->grad, gamma,
                                   beta, forward->outputs[MEAN],    forward->outputs[VARIANCE]};
  node *node = graph_append(graph, &group_norm_backward_op, inputs, B_INPUT_COUNT, 0, forward->attributes,
                            sizeof(epilogue));
  if (!node) return;
  shape channels = {x->shape.n, x->shape.c, 1, 1}, groups = {x->shape.n, GROUP_NORM_GROUPS, 1, 1};
  tensor *dx = node_output(graph, node, x->shape, LAYOUT_C8);
  tensor *dgamma = node_output(graph, node, gamma->shape, LAYOUT_C8);
  tensor *dbeta = node_output(graph, node, beta->shape, LAYOUT_C8);
  node_output(graph, node, channels, LAYOUT_C8);
  node_output(graph, node, channels, LAYOUT_C8);
  node_output(graph, node, groups, LAYOUT_C8);
  node_output(graph, node, groups, LAYOUT_C8);
  graph_add_gradient(graph, x, dx);
  graph_add_gradient(graph, gamma, dgamma);
  graph_add_gradient(graph, beta, dbeta);
}

const op group_norm_op = {.name = "group_norm",
                          .forward = forward,
                          .backward = backward,
                          .has_epilogue = true,
                          .differentiates_activation = true};
