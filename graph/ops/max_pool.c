// max_pool.c: the largest of each 2×2 square.
#include "graph/kernels/kernel.h"
#include "graph/kernels/texel.h"
#include "graph/ops/ops.h"
#include "shaders/max_pool.h"

// x (N, C, H, W), H and W even, gives (N, C, H/2, W/2).
tensor *max_pool(graph *graph, tensor *x) {
  if (!x) return NULL;
  if (x->shape.h % 2 || x->shape.w % 2 || x->role != ROLE_ACTIVATION)
    return graph_fail(graph, "max_pool: %s has an odd side", shape_format(x->shape).text);
  const epilogue attributes = {.scale = 1};  // of the mean, which a pass may make output 1
  node *node = graph_append(graph, &max_pool_op, &x, 1, 0, &attributes, sizeof attributes);
  shape y = {x->shape.n, x->shape.c, x->shape.h / 2, x->shape.w / 2};
  return node ? node_output(graph, node, y, ROLE_ACTIVATION) : NULL;
}

static struct max_pool_parameters parameters_of(const node *node) {
  shape y = node->outputs[0]->shape;
  return (struct max_pool_parameters){
      .blocks = (uint)(y.n * (round_up(y.c, 8) / 8)), .height = (uint)y.h, .width = (uint)y.w};
}

static mote_status launch_mean(const node *node, launches *to, mote_error *error) {
  const epilogue *attributes = (const void *)node->attributes;
  struct max_pool_parameters push = parameters_of(node);
  launch launch = {.shader = to->kernel->name,
               .spec = {[MAX_POOL_MEAN_ACTIVATION] = attributes->activation},
               .spec_count = 1,
               .bindings = {node->inputs[0], node->outputs[0], node->outputs[1]},
               .binding_count = 3,
               .push = &push,
               .push_bytes = sizeof push};
  spread((uint64_t)push.blocks * 2, 8, launch.groups);
  return launches_add(to, &launch, error);
}

static mote_status launch_plain(const node *node, launches *to, mote_error *error) {
  struct max_pool_parameters push = parameters_of(node);
  launch launch = {.shader = "max_pool",
               .bindings = {node->inputs[0], node->outputs[0]},
               .binding_count = 2,
               .push = &push,
               .push_bytes = sizeof push};
  spread((uint64_t)push.blocks * push.height * push.width * 2, PLAIN_LOCAL_SIZE, launch.groups);
  return launches_add(to, &launch, error);
}

static bool has_mean(const device_caps *caps, const node *node) {
  (void)caps;
  return node->output_count > 1;
}

static bool has_no_mean(const device_caps *caps, const node *node) { return !has_mean(caps, node); }

static bool has_mean_of_texels(const device_caps *caps, const node *node) {
  return has_mean(caps, node) && texels_hold(caps, node);
}

// x, dy → dx
static mote_status backward_forward(const node *node, launches *to, mote_error *error) {
  shape y = node->inputs[1]->shape;
  struct max_pool_parameters push = {
      .blocks = (uint)(y.n * (round_up(y.c, 8) / 8)), .height = (uint)y.h, .width = (uint)y.w};
  launch launch = {.shader = "max_pool_backward",
               .bindings = {node->inputs[0], node->inputs[1], node->outputs[0]},
               .binding_count = 3,
               .push = &push,
               .push_bytes = sizeof push};
  spread((uint64_t)push.blocks * push.height * push.width * 2, PLAIN_LOCAL_SIZE, launch.groups);
  return launches_add(to, &launch, error);
}

const op max_pool_backward_op = {.name = "max_pool_backward", .kernels = ONE_KERNEL("max_pool_backward", backward_forward)};

static void backward(graph *graph, node *forward) {
  tensor *x = forward->inputs[0];
  node *node =
      graph_append(graph, &max_pool_backward_op, (tensor *[]){x, forward->outputs[0]->grad}, 2, 0, NULL, 0);
  if (node) graph_add_gradient(graph, x, node_output(graph, node, x->shape, x->role));
}

// The kernel for the mean too walks over an image with one invocation.
static bool offers(const graph *graph, const node *node, slot slot) {
  (void)graph, (void)slot;
  shape y = node->outputs[0]->shape;
  return node->output_count == 1 && y.h * y.w <= 64;
}

const op max_pool_op = {.name = "max_pool",
                        .kernels = KERNELS({"max_pool_mean_texel", MOTE_KERNELS_TEXEL, has_mean_of_texels, launch_mean},
                                           {"max_pool_mean", MOTE_KERNELS_PLAIN, has_mean, launch_mean},
                                           {"max_pool", MOTE_KERNELS_PLAIN, has_no_mean, launch_plain}),
                        .backward = backward,
                        .fills = SLOT_POOL,
                        .slots = {[SLOT_MEAN] = 1},
                        .offers = offers};
