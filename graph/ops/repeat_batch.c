// repeat_batch.c: a batch several times over, for networks that look at the same images under different conditions.
#include "graph/kernels/kernel.h"
#include "graph/ops/ops.h"
#include "shaders/repeat_batch.h"

// x (N, C, H, W) gives (N · count, C, H, W), whole batches one after the other.
tensor *repeat_batch(graph *graph, tensor *x, int count) {
  if (!x) return NULL;
  if (x->role != ROLE_ACTIVATION || count < 1)
    return graph_fail(graph, "repeat_batch: %s cannot be repeated %d times", shape_format(x->shape).text, count);
  node *node = graph_append(graph, &repeat_batch_op, &x, 1, 0, NULL, 0);
  shape y = x->shape;
  y.n *= count;
  return node ? node_output(graph, node, y, ROLE_ACTIVATION) : NULL;
}

static mote_status forward(const node *node, launches *to, mote_error *error) {
  struct repeat_batch_parameters push = {.quads = (uint)(tensor_bytes(node->outputs[0]) / 16),
                                         .x_quads = (uint)(tensor_bytes(node->inputs[0]) / 16)};
  launch launch = {.shader = "repeat_batch",
               .bindings = {node->inputs[0], node->outputs[0]},
               .binding_count = 2,
               .push = &push,
               .push_bytes = sizeof push};
  spread(push.quads, PLAIN_LOCAL_SIZE, launch.groups);
  return launches_add(to, &launch, error);
}

const op repeat_batch_op = {.name = "repeat_batch", .kernels = ONE_KERNEL("repeat_batch", forward)};
