// upsample.c: twice as many rows and columns, each pixel four times (nearest neighbour), and the mean of each 2×2 square. But for a
// factor each is the other's gradient.
#include "graph/kernels/kernel.h"
#include "graph/kernels/texel.h"
#include "graph/ops/ops.h"
#include "shaders/upsample.h"

// Of both ops: y = scale · each pixel four times, or scale · the sum of each square.
static tensor *append(graph *graph, const op *op, tensor *x, shape y, float scale) {
  const epilogue attributes = {.scale = scale};
  node *node = graph_append(graph, op, &x, 1, 0, &attributes, sizeof attributes);
  return node ? node_output(graph, node, y, ROLE_ACTIVATION) : NULL;
}

// x (N, C, H, W) gives (N, C, 2H, 2W).
tensor *upsample(graph *graph, tensor *x) {
  if (!x) return NULL;
  if (x->role != ROLE_ACTIVATION) return graph_fail(graph, "upsample: %s is no image", shape_format(x->shape).text);
  return append(graph, &upsample_op, x, (shape){x->shape.n, x->shape.c, x->shape.h * 2, x->shape.w * 2}, 1);
}

// x (N, C, H, W), H and W even, gives (N, C, H/2, W/2).
tensor *average_pool(graph *graph, tensor *x) {
  if (!x) return NULL;
  if (x->shape.h % 2 || x->shape.w % 2 || x->role != ROLE_ACTIVATION)
    return graph_fail(graph, "average_pool: %s has an odd side", shape_format(x->shape).text);
  return append(graph, &average_pool_op, x, (shape){x->shape.n, x->shape.c, x->shape.h / 2, x->shape.w / 2}, 0.25f);
}

static mote_status forward(const node *node, launches *to, mote_error *error) {
  const epilogue *attributes = (const void *)node->attributes;
  const tensor *small = node->op == &upsample_op ? node->inputs[0] : node->outputs[0];
  const struct upsample_parameters push = {
      .vectors = (uint)(tensor_bytes(small) / 16), .width = (uint)small->shape.w, .factor = attributes->scale};
  launch launch = {.shader = to->kernel->name,
                   .bindings = {node->inputs[0], node->outputs[0]},
                   .binding_count = 2,
                   .push = &push,
                   .push_bytes = sizeof push};
  spread(push.vectors, PLAIN_LOCAL_SIZE, launch.groups);
  return launches_add(to, &launch, error);
}

// By the other op, with the same factor.
static void backward(graph *graph, node *forward) {
  const epilogue *attributes = (const void *)forward->attributes;
  const op *other = forward->op == &upsample_op ? &average_pool_op : &upsample_op;
  tensor *x = forward->inputs[0], *dy = forward->outputs[0]->grad;
  graph_add_gradient(graph, x, append(graph, other, dy, x->shape, attributes->scale));
}

const op average_pool_op = {.name = "average_pool", .kernels = VECTOR_KERNELS("average_pool", forward), .backward = backward};
const op upsample_op = {.name = "upsample", .kernels = VECTOR_KERNELS("upsample", forward), .backward = backward, .fills = SLOT_LOAD};
