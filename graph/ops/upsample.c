// upsample.c: twice as many rows and columns, each pixel four times (nearest neighbour).
#include "graph/kernels/kernel.h"
#include "graph/kernels/texel.h"
#include "graph/ops/ops.h"
#include "shaders/upsample.h"

// x (N, C, H, W) gives (N, C, 2H, 2W).
tensor *upsample(graph *graph, tensor *x) {
  if (!x) return NULL;
  if (x->role != ROLE_ACTIVATION) return graph_fail(graph, "upsample: %s is no image", shape_format(x->shape).text);
  node *node = graph_append(graph, &upsample_op, &x, 1, 0, NULL, 0);
  const shape y = {x->shape.n, x->shape.c, x->shape.h * 2, x->shape.w * 2};
  return node ? node_output(graph, node, y, ROLE_ACTIVATION) : NULL;
}

static mote_status launch_on(const node *node, const tensor *small, launches *to, mote_error *error) {
  const struct upsample_parameters push = {.vectors = (uint)(tensor_bytes(small) / 16), .width = (uint)small->shape.w};
  launch launch = {.shader = to->kernel->name,
               .bindings = {node->inputs[0], node->outputs[0]},
               .binding_count = 2,
               .push = &push,
               .push_bytes = sizeof push};
  spread(push.vectors, PLAIN_LOCAL_SIZE, launch.groups);
  return launches_add(to, &launch, error);
}

static mote_status forward(const node *node, launches *to, mote_error *error) {
  return launch_on(node, node->inputs[0], to, error);
}

// dy → dx
static mote_status backward_forward(const node *node, launches *to, mote_error *error) {
  return launch_on(node, node->outputs[0], to, error);
}

const op upsample_backward_op = {.name = "upsample_backward", .kernels = VECTOR_KERNELS("upsample_backward", backward_forward)};

static void backward(graph *graph, node *forward) {
  tensor *x = forward->inputs[0];
  node *node = graph_append(graph, &upsample_backward_op, &forward->outputs[0]->grad, 1, 0, NULL, 0);
  if (node) graph_add_gradient(graph, x, node_output(graph, node, x->shape, x->role));
}

const op upsample_op = {.name = "upsample", .kernels = VECTOR_KERNELS("upsample", forward), .backward = backward, .fills = SLOT_LOAD};
