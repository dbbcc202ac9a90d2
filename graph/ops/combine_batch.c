// combine_batch.c: what a network makes of the same images under different conditions, added up to one batch.
#include "graph/kernels/kernel.h"
#include "graph/ops/ops.h"
#include "shaders/combine_batch.h"

enum { X, TABLE, STEP, COUNT };

// x (terms · N, C, H, W), whole batches one after the other, gives (N, C, H, W) by rows of `terms` factors.
tensor *combine_batch(graph *graph, tensor *x, tensor *table, tensor *step) {
  if (!x || !table || !step) return NULL;
  const int terms = table->shape.c;
  if (x->role != ROLE_ACTIVATION || x->shape.n % terms)
    return graph_fail(graph, "combine_batch: %s are not %d batches", shape_format(x->shape).text, terms);
  tensor *inputs[COUNT] = {x, table, step};
  node *node = graph_append(graph, &combine_batch_op, inputs, COUNT, 0, NULL, 0);
  shape y = x->shape;
  y.n /= terms;
  return node ? node_output(graph, node, y, ROLE_ACTIVATION) : NULL;
}

static mote_status forward(const node *node, launches *to, mote_error *error) {
  tensor *y = node->outputs[0];
  struct combine_batch_parameters push = {.quads = (uint)(tensor_bytes(y) / 16), .terms = (uint)node->inputs[TABLE]->shape.c};
  launch launch = {.shader = "combine_batch",
               .bindings = {node->inputs[X], node->inputs[TABLE], node->inputs[STEP], y},
               .binding_count = 4,
               .push = &push,
               .push_bytes = sizeof push};
  spread(push.quads, PLAIN_LOCAL_SIZE, launch.groups);
  return launches_add(to, &launch, error);
}

const op combine_batch_op = {.name = "combine_batch", .kernels = ONE_KERNEL("combine_batch", forward)};
