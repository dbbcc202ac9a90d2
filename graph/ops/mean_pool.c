// mean_pool.c: the mean of each channel over the whole image.
#include "graph/kernels/kernel.h"
#include "graph/kernels/texel.h"
#include "graph/ops/ops.h"
#include "shaders/mean_pool.h"

// x (N, C, H, W) gives (N, C, 1, 1).
tensor *mean_pool(graph *graph, tensor *x) {
  if (!x) return NULL;
  const epilogue attributes = {.scale = 1};
  node *node = graph_append(graph, &mean_pool_op, &x, 1, 0, &attributes, sizeof attributes);
  return node ? node_output(graph, node, (shape){x->shape.n, x->shape.c, 1, 1}, ROLE_ACTIVATION) : NULL;
}

static mote_status forward(const node *node, launches *to, mote_error *error) {
  const epilogue *attributes = (const void *)node->attributes;
  shape x = node->inputs[0]->shape;
  struct mean_pool_parameters push = {.quads = (uint)(x.n * (round_up(x.c, 8) / 4)), .pixels = (uint)(x.h * x.w)};
  launch launch = {.shader = "mean_pool",
               .spec = {[MEAN_POOL_ACTIVATION] = attributes->activation},
               .spec_count = 1,
               .bindings = {node->inputs[0], node->outputs[0]},
               .binding_count = 2,
               .push = &push,
               .push_bytes = sizeof push};
  spread(push.quads, PLAIN_LOCAL_SIZE, launch.groups);
  return launches_add(to, &launch, error);
}

// ---------------------------------------------------------------------------------------------------------------------
// Backward, through the activation too

enum { B_DY, B_X, B_RESIDUAL, B_INPUT_COUNT };  // x: with an activation; residual: put there by a pass

static mote_status backward_forward(const node *node, launches *to, mote_error *error) {
  const epilogue *attributes = (const void *)node->attributes;
  tensor *const *in = node->inputs, *dx = node->outputs[0];
  struct mean_pool_backward_parameters push = {.quads = (uint)(tensor_bytes(in[B_DY]) / 16),
                                               .pixels = (uint)(dx->shape.h * dx->shape.w),
                                               .factor = attributes->scale};
  launch launch = {.shader = to->kernel->name,
               .spec = {[MEAN_POOL_ACTIVATION] = attributes->activation,
                        [MEAN_POOL_RESIDUAL] = in[B_RESIDUAL] != NULL},
               .spec_count = 2,
               // A binding must not be empty: for an absent tensor another is bound, which is not touched there.
               .bindings = {in[B_DY], in[B_X] ? in[B_X] : in[B_DY], in[B_RESIDUAL] ? in[B_RESIDUAL] : in[B_DY], dx},
               .binding_count = 4,
               .push = &push,
               .push_bytes = sizeof push};
  spread(push.quads, 8, launch.groups);
  return launches_add(to, &launch, error);
}

const op mean_pool_backward_op = {
    .name = "mean_pool_backward", .kernels = VECTOR_KERNELS("mean_pool_backward", backward_forward), .slots = {[SLOT_RESIDUAL] = B_RESIDUAL}};

static void backward(graph *graph, node *forward) {
  const epilogue *attributes = (const void *)forward->attributes;
  tensor *x = forward->inputs[0];
  tensor *inputs[B_INPUT_COUNT] = {[B_DY] = forward->outputs[0]->grad, [B_X] = attributes->activation ? x : NULL};
  node *node = graph_append(graph, &mean_pool_backward_op, inputs, B_INPUT_COUNT, 1u << B_X | 1u << B_RESIDUAL, attributes,
                            sizeof *attributes);
  if (node) graph_add_gradient(graph, x, node_output(graph, node, x->shape, x->role));
}

const op mean_pool_op = {.name = "mean_pool",
                         .kernels = ONE_KERNEL("mean_pool", forward),
                         .backward = backward,
                         .fills = SLOT_MEAN,
                         .slots = {[SLOT_ACTIVATION] = 1},
                         .differentiates_activation = true};
