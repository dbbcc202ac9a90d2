// gradient_ops.c: nodes and dispatches that several backward rules share.
#include "graph/gradient_ops.h"

#include "graph/texel.h"
#include "shaders/channel_sum.h"
#include "shaders/norm_parameter_gradient.h"
#include "shaders/norm_sums.h"
#include "shaders/weight_transpose.h"

// ---------------------------------------------------------------------------------------------------------------------
// channel_sum

static mote_status channel_sum_forward(const node *node, program *program, mote_error *error) {
  shape s = node->inputs[0]->shape;
  struct channel_sum_parameters push = {
      .batch = (uint)s.n, .channels = (uint)round_up(s.c, 8), .pixels = (uint)(s.h * s.w)};
  step step = {.shader = VECTOR_SHADER(program, "channel_sum", node->inputs[0]),
               .bindings = {node->inputs[0], node->outputs[0]},
               .binding_count = 2,
               .push = &push,
               .push_bytes = sizeof push};
  spread(push.channels / 4, 8, step.groups);
  return program_dispatch(program, node, &step, error);
}

static const op channel_sum_op = {.name = "channel_sum", .forward = channel_sum_forward};

tensor *channel_sum(graph *graph, tensor *dy) {
  node *node = graph_append(graph, &channel_sum_op, &dy, 1, 0, NULL, 0);
  return node ? node_output(graph, node, (shape){1, dy->shape.c, 1, 1}, LAYOUT_C8) : NULL;
}

// ---------------------------------------------------------------------------------------------------------------------
// weight_transpose

typedef struct weight_transpose_attributes {
  bool flip;
} weight_transpose_attributes;

static mote_status weight_transpose_forward(const node *node, program *program, mote_error *error) {
  const weight_transpose_attributes *attributes = (const void *)node->attributes;
  shape turned = node->outputs[0]->shape;  // (C, O, k, k)
  struct weight_transpose_parameters push = {.out_blocks = (uint)round_up(turned.c, 8) / 8,
                                             .in_quads = (uint)round_up(turned.n, 8) / 4,
                                             .taps = (uint)(turned.h * turned.w),
                                             .flip = attributes->flip};
  step step = {.shader = "weight_transpose",
               .bindings = {node->inputs[0], node->outputs[0]},
               .binding_count = 2,
               .push = &push,
               .push_bytes = sizeof push};
  spread(tensor_bytes(node->outputs[0]) / 4, PLAIN_LOCAL_SIZE, step.groups);
  return program_dispatch(program, node, &step, error);
}

static const op weight_transpose_op = {.name = "weight_transpose", .forward = weight_transpose_forward};

tensor *weight_transpose(graph *graph, tensor *weight, bool flip) {
  const weight_transpose_attributes attributes = {flip};
  node *node = graph_append(graph, &weight_transpose_op, &weight, 1, 0, &attributes, sizeof attributes);
  if (!node) return NULL;
  shape w = weight->shape;
  shape turned = weight->layout == LAYOUT_WEIGHT_TRANSPOSED ? w : (shape){w.c, w.n, w.h, w.w};
  return node_output(graph, node, turned, LAYOUT_WEIGHT);
}

// ---------------------------------------------------------------------------------------------------------------------
// Norms

mote_status dispatch_norm_sums(const node *node, program *program, const norm_backward *norm, tensor *sum,
                               tensor *product, mote_error *error) {
  shape s = norm->x->shape;
  struct norm_sums_parameters push = {.batch = (uint)s.n,
                                      .channels = (uint)round_up(s.c, 8),
                                      .pixels = (uint)(s.h * s.w),
                                      .epsilon = 1e-5f};
  step step = {.shader = VECTOR_SHADER(program, "norm_sums", norm->x),
               .spec = {[NORM_SUMS_ACTIVATION] = norm->activation, [NORM_SUMS_GROUPED] = norm->grouped},
               .spec_count = 2,
               .bindings = {norm->x, norm->dy, norm->gamma, norm->beta, norm->mean, norm->variance, sum, product},
               .binding_count = 8,
               .push = &push,
               .push_bytes = sizeof push};
  spread((uint64_t)push.batch * push.channels / 4, 8, step.groups);
  return program_dispatch(program, node, &step, error);
}

mote_status dispatch_norm_parameter_gradient(const node *node, program *program, tensor *const sums[2],
                                             tensor *const gradients[2], mote_error *error) {
  shape s = sums[0]->shape;
  struct norm_parameter_gradient_parameters push = {.batch = (uint)s.n, .channels = (uint)round_up(s.c, 8)};
  step step = {.shader = "norm_parameter_gradient",
               .bindings = {sums[0], sums[1], gradients[0], gradients[1]},
               .binding_count = 4,
               .push = &push,
               .push_bytes = sizeof push};
  spread(push.channels, 8, step.groups);
  return program_dispatch(program, node, &step, error);
}
