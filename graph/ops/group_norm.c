// group_norm.c: group normalisation (Wu & He 2018).
#include "graph/kernels/kernel.h"
#include "graph/kernels/texel.h"
#include "graph/kernels/norm_lanes.h"
#include "graph/ops/ops.h"
#include "shaders/group_norm.h"
#include "shaders/scale_shift.h"

// From SCALE on: put there by passes. SCALE may be a term before the norm, and SECOND has the channels after x's.
enum { X, GAMMA, BETA, SCALE, SHIFT, STEP, SECOND, INPUT_COUNT };
enum { Y, MEAN, VARIANCE };
enum { MAX_LANES = 128 };  // so that what they share fits in 16 KiB

typedef struct group_norm_attributes {
  epilogue epilogue;
  uint32_t groups;
  float epsilon;
  uint32_t scaled, activation_last, term;  // as the constants of group_norm.h
} group_norm_attributes;

// The fewest blocks of eight channels that whole groups fill.
static uint32_t find_cluster(uint32_t members) {
  uint32_t divisor = 8;
  while (members % divisor) divisor /= 2;
  return members / divisor;
}

// x (N, C, H, W), gamma and beta (1, C, 1, 1) give x's like: each of `groups` groups of C / groups channels of an image with mean 0
// and variance 1, but for `epsilon`, which is more than 0.
tensor *group_norm(graph *graph, tensor *x, tensor *gamma, tensor *beta, int groups, float epsilon) {
  if (!x || !gamma || !beta) return NULL;
  if (gamma->shape.c != x->shape.c || beta->shape.c != x->shape.c || x->role != ROLE_ACTIVATION)
    return graph_fail(graph, "group_norm: %s and %d weights do not fit", shape_format(x->shape).text, gamma->shape.c);
  if (groups < 1 || x->shape.c % groups || !(epsilon > 0))
    return graph_fail(graph, "group_norm: found %d groups and epsilon %g, expected a divisor of the %d channels and more than 0",
                      groups, (double)epsilon, x->shape.c);
  const group_norm_attributes attributes = {.epilogue = {.scale = 1}, .groups = (uint32_t)groups, .epsilon = epsilon};
  tensor *inputs[INPUT_COUNT] = {x, gamma, beta};
  node *node = graph_append(graph, &group_norm_op, inputs, INPUT_COUNT,
                            1u << SCALE | 1u << SHIFT | 1u << STEP | 1u << SECOND, &attributes, sizeof attributes);
  if (!node) return NULL;
  tensor *y = node_output(graph, node, x->shape, ROLE_ACTIVATION);
  shape statistics = {x->shape.n, groups, 1, 1};
  node_output(graph, node, statistics, ROLE_ACTIVATION);
  node_output(graph, node, statistics, ROLE_ACTIVATION);
  return y;
}

// Of both directions; the launch's groups are one a cluster.
static struct group_norm_parameters describe(const node *node, const launches *to, launch *launch) {
  const group_norm_attributes *attributes = (const void *)node->attributes;
  const tensor *x = node->inputs[X];
  const uint channels = (uint)node->outputs[0]->shape.c;
  uint cluster = find_cluster(channels / attributes->groups), blocks = (uint)round_up((int)channels, 8) / 8;
  launch->spec[GROUP_NORM_ACTIVATION] = attributes->epilogue.activation;
  launch->spec[GROUP_NORM_CLUSTER] = cluster;
  launch->spec[GROUP_NORM_LANES] = norm_lanes(to->caps, x, MAX_LANES);
  launch->spec[GROUP_NORM_SCALED] = attributes->scaled;
  launch->spec[GROUP_NORM_ACTIVATION_LAST] = attributes->activation_last;
  launch->spec[GROUP_NORM_TERM] = attributes->term;
  const struct group_norm_parameters push = {.clusters = (uint)x->shape.n * ((blocks + cluster - 1) / cluster),
                                             .channels = channels,
                                             .groups = attributes->groups,
                                             .pixels = (uint)(x->shape.h * x->shape.w),
                                             .epsilon = attributes->epsilon,
                                             .first_blocks = (uint)round_up(x->shape.c, 8) / 8};
  spread(push.clusters, 1, launch->groups);
  return push;
}

static mote_status forward(const node *node, launches *to, mote_error *error) {
  tensor *const *in = node->inputs;
  launch launch = {.shader = to->kernel->name,
               .spec = {[GROUP_NORM_ROW_FROM_STEP] = in[STEP] != NULL, [GROUP_NORM_SECOND] = in[SECOND] != NULL},
               .spec_count = 8,
               // A binding must not be empty: for an absent tensor another is bound, which is not touched there.
               .bindings = {in[X], in[GAMMA], in[BETA], node->outputs[MEAN], node->outputs[VARIANCE], node->outputs[Y],
                            in[SCALE] ? in[SCALE] : in[GAMMA], in[SHIFT] ? in[SHIFT] : in[GAMMA],
                            in[STEP] ? in[STEP] : in[GAMMA], in[SECOND] ? in[SECOND] : in[X]},
               .binding_count = 10};
  const struct group_norm_parameters push = describe(node, to, &launch);
  launch.push = &push;
  launch.push_bytes = sizeof push;
  return launches_add(to, &launch, error);
}

// ---------------------------------------------------------------------------------------------------------------------
// Backward, through the activation too

enum { B_X, B_DY, B_GAMMA, B_BETA, B_MEAN, B_VARIANCE, B_SCALE, B_SHIFT, B_INPUT_COUNT };
enum { B_DX, B_DGAMMA, B_DBETA, B_DSCALE, B_DSHIFT };  // the last two beside B_SCALE and B_SHIFT

static mote_status backward_forward(const node *node, launches *to, mote_error *error) {
  tensor *const *in = node->inputs, *const *out = node->outputs, *sums, *products, *arrivals;
  const int image_channels = in[B_X]->shape.n * round_up(in[B_X]->shape.c, 8);
  TRY(launches_scratch(to, image_channels, &sums, error));
  TRY(launches_scratch(to, image_channels, &products, error));
  TRY(launches_table(to, 1, &arrivals, error));  // counts the workgroups that are done
  launch launch = {.shader = to->kernel->name,
               .spec_count = 7,
               .bindings = {in[B_X], in[B_DY], in[B_GAMMA], in[B_BETA], in[B_MEAN], in[B_VARIANCE], sums,
                            products, out[B_DX], in[B_SCALE] ? in[B_SCALE] : in[B_GAMMA],
                            in[B_SCALE] ? out[B_DSCALE] : out[B_DX], in[B_SHIFT] ? out[B_DSHIFT] : out[B_DX], out[B_DGAMMA],
                            out[B_DBETA], arrivals, in[B_SHIFT] ? in[B_SHIFT] : in[B_GAMMA]},
               .binding_count = 16};
  const struct group_norm_parameters push = describe(node, to, &launch);
  launch.push = &push;
  launch.push_bytes = sizeof push;
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
                                   scale, shift};
  node *node = graph_append(graph, &group_norm_backward_op, inputs, B_INPUT_COUNT, 1u << B_SCALE | 1u << B_SHIFT, forward->attributes,
                            sizeof(group_norm_attributes));
  if (!node) return;
  tensor *dx = node_output(graph, node, x->shape, ROLE_ACTIVATION);
  tensor *dgamma = node_output(graph, node, gamma->shape, ROLE_ACTIVATION);
  tensor *dbeta = node_output(graph, node, beta->shape, ROLE_ACTIVATION);
  graph_add_gradient(graph, x, dx);
  graph_add_gradient(graph, gamma, dgamma);
  graph_add_gradient(graph, beta, dbeta);
  if (!scale) return;
  graph_add_gradient(graph, scale, node_output(graph, node, scale->shape, ROLE_ACTIVATION));
  if (shift) graph_add_gradient(graph, shift, node_output(graph, node, shift->shape, ROLE_ACTIVATION));
}

// A term of x, which nothing else was done to.
static bool take_term(group_norm_attributes *attributes, const scale_shift_attributes *term) {
  attributes->term = term->form == SCALE_SHIFT_SUM && term->epilogue.activation == ACTIVATION_NONE;
  return attributes->term;
}

// A scale after it: any form, and the activation after that instead of one before.
static bool take(graph *graph, node *node, slot slot, struct node *other) {
  group_norm_attributes *attributes = (void *)node->attributes;
  if (slot == SLOT_SECOND) return !graph->train;  // the gradient is that of one tensor
  const scale_shift_attributes *scale = (const void *)other->attributes;
  if (slot == SLOT_TERM) return take_term(attributes, scale);
  const bool last = scale->epilogue.activation != ACTIVATION_NONE;
  if (last && attributes->epilogue.activation != ACTIVATION_NONE) return false;
  if (last) attributes->epilogue.activation = scale->epilogue.activation;
  attributes->activation_last = last;
  attributes->scaled = scale->form;
  return true;
}

const op group_norm_op = {.name = "group_norm",
                          .kernels = VECTOR_KERNELS("group_norm", forward),
                          .backward = backward,
                          .slots = {[SLOT_ACTIVATION] = 1, [SLOT_SCALE] = SCALE, [SLOT_TERM] = SCALE, [SLOT_SECOND] = SECOND},
                          .take = take,
                          .differentiates_activation = true};
