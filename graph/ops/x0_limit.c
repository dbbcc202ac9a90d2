// x0_limit.c: how far a step's x_0 may reach, image by image: dynamic thresholding.
#include <math.h>

#include "graph/kernels/kernel.h"
#include "graph/ops/ops.h"
#include "shaders/sampler_update.h"
#include "shaders/x0_limit.h"

typedef struct x0_limit_attributes {
  uint32_t rank;
  float beyond, most;
} x0_limit_attributes;

// Gives (N, 1, 1, 1) raw: max(1, the `quantile`, above 0 and at most 1, of the sizes of the image's x_0, between two of them as
// NumPy has it), but at most `most` unless that is 0. The table, the step and a guided model as for sampler_update.
tensor *x0_limit(graph *graph, const sampler_tensors *t, double quantile, double most) {
  if (!t->x || !t->model || !t->table || !t->step) return NULL;
  shape x = t->x->shape, doubled = x;
  doubled.n *= 2;
  if ((!shape_equal(x, t->model->shape) && !shape_equal(doubled, t->model->shape)) || t->table->shape.c != ROW_WORDS)
    return graph_fail(graph, "x0_limit: %s and %s do not fit", shape_format(x).text,
                      shape_format(t->model->shape).text);
  const double place = quantile * ((double)x.c * x.h * x.w - 1);
  const x0_limit_attributes attributes = {(uint32_t)place, (float)(place - floor(place)), (float)most};
  node *node = graph_append(graph, &x0_limit_op, (tensor *[]){t->x, t->model, t->table, t->step}, 4, 0, &attributes,
                            sizeof attributes);
  return node ? node_output(graph, node, (shape){x.n, 1, 1, 1}, ROLE_TABLE) : NULL;
}

static mote_status forward(const node *node, launches *to, mote_error *error) {
  const x0_limit_attributes *attributes = (const void *)node->attributes;
  shape x = node->inputs[0]->shape;
  struct x0_limit_parameters push = {.batch = (uint)x.n,
                                     .channels = (uint)x.c,
                                     .pixels = (uint)(x.h * x.w),
                                     .rank = attributes->rank,
                                     .beyond = attributes->beyond,
                                     .most = attributes->most};
  const launch launch = {.shader = "x0_limit",
                     .spec = {[X0_LIMIT_GUIDED] = node->inputs[1]->shape.n != x.n},
                     .spec_count = 1,
                     .bindings = {node->inputs[0], node->inputs[1], node->inputs[2], node->inputs[3], node->outputs[0]},
                     .binding_count = 5,
                     .push = &push,
                     .push_bytes = sizeof push,
                     .groups = {(uint32_t)x.n}};
  return launches_add(to, &launch, error);
}

const op x0_limit_op = {.name = "x0_limit", .kernels = ONE_KERNEL("x0_limit", forward)};
