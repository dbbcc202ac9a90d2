// group_norm.c: group normalisation (Wu & He 2018) with eight groups and PyTorch's epsilon.
#include "graph/kernels/kernel.h"
#include "graph/kernels/texel.h"
#include "graph/kernels/norm_lanes.h"
#include "graph/ops/ops.h"
#include "shaders/group_norm.h"

enum { X, GAMMA, BETA, SCALE, SHIFT, STEP, INPUT_COUNT };  // from SCALE on: put there by a pass
enum { Y, MEAN, VARIANCE };
enum { MAX_LANES = 128 };  // so that what they share fits in 16 KiB

// The fewest blocks of eight channels that whole groups fill.
static uint32_t find_cluster(int channels) {
  uint32_t members = (uint32_t)channels / GROUP_NORM_GROUPS, divisor = 8;
  while (members % divisor) divisor /= 2;
  return members / divisor;
}

// x (N, C, H, W) with C a multiple of 8, gamma and beta (1, C, 1, 1) give x's like.
tensor *group_norm(graph *graph, tensor *x, tensor *gamma, tensor *beta) {
  if (!x || !gamma || !beta) return NULL;
  if (gamma->shape.c != x->shape.c || x->shape.c % 8 || x->role != ROLE_ACTIVATION)
    return graph_fail(graph, "group_norm: %s and %d weights do not fit", shape_format(x->shape).text,
                      gamma->shape.c);
  const epilogue attributes = {.scale = 1};
  tensor *inputs[INPUT_COUNT] = {x, gamma, beta};
  node *node = graph_append(graph, &group_norm_op, inputs, INPUT_COUNT, 1u << SCALE | 1u << SHIFT | 1u << STEP,
                            &attributes, sizeof attributes);
  if (!node) return NULL;
  tensor *y = node_output(graph, node, x->shape, ROLE_ACTIVATION);
  shape groups = {x->shape.n, GROUP_NORM_GROUPS, 1, 1};
  node_output(graph, node, groups, ROLE_ACTIVATION);
  node_output(graph, node, groups, ROLE_ACTIVATION);
  return y;
}

static mote_status forward(const node *node, launches *to, mote_error *error) {
  const epilogue *attributes = (const void *)node->attributes;
  tensor *const *in = node->inputs;
  const tensor *x = in[X];
  uint cluster = find_cluster(x->shape.c), lanes = norm_lanes(to->caps, x, MAX_LANES);
  struct group_norm_parameters push = {.clusters = (uint)x->shape.n * (uint)x->shape.c / 8 / cluster,
                                       .channels = (uint)x->shape.c,
                                       .pixels = (uint)(x->shape.h * x->shape.w),
                                       .epsilon = 1e-5f};
  launch launch = {.shader = to->kernel->name,
               .spec = {[GROUP_NORM_ACTIVATION] = attributes->activation,
                        [GROUP_NORM_CLUSTER] = cluster,
                        [GROUP_NORM_LANES] = lanes,
                        [GROUP_NORM_SCALED] = in[SCALE] != NULL,
                        [GROUP_NORM_ROW_FROM_STEP] = in[STEP] != NULL},
               .spec_count = 5,
               // A binding must not be empty: for an absent tensor another is bound, which is not touched there.
               .bindings = {in[X], in[GAMMA], in[BETA], node->outputs[MEAN], node->outputs[VARIANCE], node->outputs[Y],
                            in[SCALE] ? in[SCALE] : in[GAMMA], in[SHIFT] ? in[SHIFT] : in[GAMMA],
                            in[STEP] ? in[STEP] : in[GAMMA]},
               .binding_count = 9,
               .push = &push,
               .push_bytes = sizeof push};
  spread(push.clusters, 1, launch.groups);
  return launches_add(to, &launch, error);
}

// ---------------------------------------------------------------------------------------------------------------------
// Backward, through the activation too

enum { B_X, B_DY, B_GAMMA, B_BETA, B_MEAN, B_VARIANCE, B_SCALE, B_INPUT_COUNT };
enum { B_DX, B_DGAMMA, B_DBETA, B_DSCALE, B_DSHIFT };  // the last two beside B_SCALE

static mote_status backward_forward(const node *node, launches *to, mote_error *error) {
  const epilogue *attributes = (const void *)node->attributes;
  tensor *const *in = node->inputs, *const *out = node->outputs, *sums, *products, *arrivals;
  shape x = in[B_X]->shape;
  uint cluster = find_cluster(x.c), lanes = norm_lanes(to->caps, in[B_X], MAX_LANES);
  struct group_norm_parameters push = {.clusters = (uint)x.n * (uint)x.c / 8 / cluster,
                                                .channels = (uint)x.c,
                                                .pixels = (uint)(x.h * x.w),
                                                .epsilon = 1e-5f};
  TRY(launches_scratch(to, x.n * x.c, &sums, error));
  TRY(launches_scratch(to, x.n * x.c, &products, error));
  TRY(launches_table(to, 1, &arrivals, error));  // counts the workgroups that are done
  launch launch = {.shader = to->kernel->name,
               .spec = {[GROUP_NORM_ACTIVATION] = attributes->activation,
                        [GROUP_NORM_CLUSTER] = cluster,
                        [GROUP_NORM_LANES] = lanes,
                        [GROUP_NORM_SCALED] = in[B_SCALE] != NULL},
               .spec_count = 4,
               .bindings = {in[B_X], in[B_DY], in[B_GAMMA], in[B_BETA], in[B_MEAN], in[B_VARIANCE], sums,
                            products, out[B_DX], in[B_SCALE] ? in[B_SCALE] : in[B_GAMMA],
                            in[B_SCALE] ? out[B_DSCALE] : out[B_DX], in[B_SCALE] ? out[B_DSHIFT] : out[B_DX], out[B_DGAMMA],
                            out[B_DBETA], arrivals},
               .binding_count = 15,
               .push = &push,
               .push_bytes = sizeof push};
  spread(push.clusters, 1, launch.groups);
  return launches_add(to, &launch, error);
}

const op group_norm_backward_op = {.name = "group_norm_backward", .kernels = VECTOR_KERNELS("group_norm_backward", backward_forward)};

static void backward(graph *graph, node *forward) {
  tensor *x = forward->inputs[X], *gamma = forward->inputs[GAMMA], *beta = forward->inputs[BETA];
  tensor *scale = forward->inputs[SCALE], *shift = forward->inputs[SHIFT];
  if (forward->inputs[STEP]) {
    graph_fail(graph, "%s: a shift by the current step is not for training", forward->label);
    return;
  }
  tensor *inputs[B_INPUT_COUNT] = {x,    forward->outputs[Y]->grad, gamma,
                                   beta, forward->outputs[MEAN],    forward->outputs[VARIANCE],
                                   scale};
  node *node = graph_append(graph, &group_norm_backward_op, inputs, B_INPUT_COUNT, 1u << B_SCALE, forward->attributes,
                            sizeof(epilogue));
  if (!node) return;
  tensor *dx = node_output(graph, node, x->shape, ROLE_ACTIVATION);
  tensor *dgamma = node_output(graph, node, gamma->shape, ROLE_ACTIVATION);
  tensor *dbeta = node_output(graph, node, beta->shape, ROLE_ACTIVATION);
  graph_add_gradient(graph, x, dx);
  graph_add_gradient(graph, gamma, dgamma);
  graph_add_gradient(graph, beta, dbeta);
  if (!scale) return;
  graph_add_gradient(graph, scale, node_output(graph, node, scale->shape, ROLE_ACTIVATION));
  graph_add_gradient(graph, shift, node_output(graph, node, shift->shape, ROLE_ACTIVATION));
}

const op group_norm_op = {.name = "group_norm",
                          .kernels = VECTOR_KERNELS("group_norm", forward),
                          .backward = backward,
                          .slots = {[SLOT_ACTIVATION] = 1, [SLOT_SCALE] = SCALE},
                          .differentiates_activation = true};
