// concat.c: two tensors side by side along channels; passes give both to the convolution that takes the output instead.
#include "graph/kernels/kernel.h"
#include "graph/ops/ops.h"
#include "shaders/concat.h"

// a (N, Ca, H, W) and b (N, Cb, H, W), Ca a multiple of 8, give (N, Ca + Cb, H, W).
tensor *concat(graph *graph, tensor *a, tensor *b) {
  if (!a || !b) return NULL;
  if (a->shape.n != b->shape.n || a->shape.h != b->shape.h || a->shape.w != b->shape.w || a->shape.c % 8 ||
      a->role != ROLE_ACTIVATION || b->role != ROLE_ACTIVATION)
    return graph_fail(graph, "concat: %s and %s do not fit", shape_format(a->shape).text, shape_format(b->shape).text);
  node *node = graph_append(graph, &concat_op, (tensor *[]){a, b}, 2, 0, NULL, 0);
  shape shape = a->shape;
  shape.c += b->shape.c;
  return node ? node_output(graph, node, shape, ROLE_ACTIVATION) : NULL;
}

static mote_status forward(const node *node, launches *to, mote_error *error) {
  const tensor *a = node->inputs[0], *b = node->inputs[1], *y = node->outputs[0];
  struct concat_parameters push = {.quads = (uint)(tensor_bytes(y) / 16),
                                   .a_quads = (uint)(tensor_bytes(a) / 16 / (size_t)a->shape.n),
                                   .b_quads = (uint)(tensor_bytes(b) / 16 / (size_t)b->shape.n)};
  launch launch = {.shader = "concat",
               .bindings = {node->inputs[0], node->inputs[1], node->outputs[0]},
               .binding_count = 3,
               .push = &push,
               .push_bytes = sizeof push};
  spread(push.quads, PLAIN_LOCAL_SIZE, launch.groups);
  return launches_add(to, &launch, error);
}

// dy → da, db
static mote_status backward_forward(const node *node, launches *to, mote_error *error) {
  const tensor *dy = node->inputs[0], *da = node->outputs[0], *db = node->outputs[1];
  struct concat_parameters push = {.quads = (uint)(tensor_bytes(dy) / 16),
                                            .a_quads = (uint)(tensor_bytes(da) / 16 / (size_t)da->shape.n),
                                            .b_quads = (uint)(tensor_bytes(db) / 16 / (size_t)db->shape.n)};
  launch launch = {.shader = "concat_backward",
               .bindings = {node->inputs[0], node->outputs[0], node->outputs[1]},
               .binding_count = 3,
               .push = &push,
               .push_bytes = sizeof push};
  spread(push.quads, PLAIN_LOCAL_SIZE, launch.groups);
  return launches_add(to, &launch, error);
}

const op concat_backward_op = {.name = "concat_backward", .kernels = ONE_KERNEL("concat_backward", backward_forward)};

static void backward(graph *graph, node *forward) {
  tensor *a = forward->inputs[0], *b = forward->inputs[1];
  node *node = graph_append(graph, &concat_backward_op, &forward->outputs[0]->grad, 1, 0, NULL, 0);
  if (!node) return;
  tensor *da = node_output(graph, node, a->shape, ROLE_ACTIVATION), *db = node_output(graph, node, b->shape, ROLE_ACTIVATION);
  graph_add_gradient(graph, a, da);
  graph_add_gradient(graph, b, db);
}

const op concat_op = {.name = "concat", .kernels = ONE_KERNEL("concat", forward), .backward = backward, .fills = SLOT_SECOND};
