// average_pool.c: the mean of each 2×2 square.
#include "graph/kernels/kernel.h"
#include "graph/ops/ops.h"
#include "shaders/average_pool.h"

// x (N, C, H, W), H and W even, gives (N, C, H/2, W/2).
tensor *average_pool(graph *graph, tensor *x) {
  if (!x) return NULL;
  if (x->shape.h % 2 || x->shape.w % 2 || x->role != ROLE_ACTIVATION)
    return graph_fail(graph, "average_pool: %s has an odd side", shape_format(x->shape).text);
  node *node = graph_append(graph, &average_pool_op, &x, 1, 0, NULL, 0);
  shape y = {x->shape.n, x->shape.c, x->shape.h / 2, x->shape.w / 2};
  return node ? node_output(graph, node, y, ROLE_ACTIVATION) : NULL;
}

// Of both directions: `y` is the smaller.
static mote_status launch_squares(const node *node, shape y, launches *to, mote_error *error) {
  struct average_pool_parameters push = {
      .blocks = (uint)(y.n * (round_up(y.c, 8) / 8)), .height = (uint)y.h, .width = (uint)y.w};
  launch launch = {.shader = to->kernel->name,
                   .bindings = {node->inputs[0], node->outputs[0]},
                   .binding_count = 2,
                   .push = &push,
                   .push_bytes = sizeof push};
  spread((uint64_t)push.blocks * push.height * push.width * 2, PLAIN_LOCAL_SIZE, launch.groups);
  return launches_add(to, &launch, error);
}

static mote_status forward(const node *node, launches *to, mote_error *error) {
  return launch_squares(node, node->outputs[0]->shape, to, error);
}

// dy → dx
static mote_status backward_forward(const node *node, launches *to, mote_error *error) {
  return launch_squares(node, node->inputs[0]->shape, to, error);
}

const op average_pool_backward_op = {.name = "average_pool_backward",
                                     .kernels = ONE_KERNEL("average_pool_backward", backward_forward)};

static void backward(graph *graph, node *forward) {
  tensor *x = forward->inputs[0];
  node *node = graph_append(graph, &average_pool_backward_op, &forward->outputs[0]->grad, 1, 0, NULL, 0);
  if (node) graph_add_gradient(graph, x, node_output(graph, node, x->shape, x->role));
}

const op average_pool_op = {.name = "average_pool", .kernels = ONE_KERNEL("average_pool", forward), .backward = backward};
