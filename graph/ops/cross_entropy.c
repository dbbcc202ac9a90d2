// cross_entropy.c: how far the classes that a network finds are from the right ones, and the gradient.
#include "shaders/cross_entropy.h"

#include "graph/kernels/kernel.h"
#include "graph/kernels/norm_lanes.h"
#include "graph/ops/ops.h"
#include "shaders/mse.h"

// x and target (N, K, 1, 1): loss = -scale/N · Σ_n Σ_k target · log softmax(x), the first of
// four raw numbers, the others zeros. `*gradient` receives the loss's gradient by x.
tensor *cross_entropy(graph *graph, tensor *x, tensor *target, float scale, tensor **gradient) {
  if (!x || !target) return NULL;
  if (!shape_equal(x->shape, target->shape) || x->shape.h * x->shape.w != 1 || x->role != ROLE_ACTIVATION)
    return graph_fail(graph, "cross_entropy: %s and %s differ, or are no vectors", shape_format(x->shape).text,
                      shape_format(target->shape).text);
  const loss_attributes attributes = {.share = (float)(scale / (double)x->shape.n)};
  node *node = graph_append(graph, &cross_entropy_op, (tensor *[]){x, target}, 2, 0, &attributes, sizeof attributes);
  if (!node) return NULL;
  tensor *loss = node_output(graph, node, (shape){1, 4, 1, 1}, ROLE_TABLE);
  *gradient = node_output(graph, node, x->shape, ROLE_ACTIVATION);
  node_output(graph, node, (shape){1, x->shape.n, 1, 1}, ROLE_TABLE);
  return loss;
}

static mote_status forward(const node *node, launches *to, mote_error *error) {
  tensor *x = node->inputs[0], *target = node->inputs[1];
  const loss_attributes *attributes = (const void *)node->attributes;
  float share = attributes->share;
  struct cross_entropy_parameters push = {.batch = (uint)x->shape.n, .classes = (uint)x->shape.c, .share = share};
  launch images = {.shader = "cross_entropy",
                 .bindings = {x, target, node->outputs[1], node->outputs[2]},
                 .binding_count = 4,
                 .push = &push,
                 .push_bytes = sizeof push};
  spread(push.batch, 8, images.groups);
  TRY(launches_add(to, &images, error));
  if (attributes->in_parts) return MOTE_OK;
  struct mse_parameters sum = {.batch = push.batch, .share = share};
  const launch total = {.shader = "mse_total",
                      .spec = {[MSE_LANES] = norm_lanes(to->caps, x, MOST_LANES)},
                      .spec_count = 1,
                      .bindings = {node->outputs[2], node->outputs[0]},
                      .binding_count = 2,
                      .push = &sum,
                      .push_bytes = sizeof sum};
  return launches_add(to, &total, error);
}

const op cross_entropy_op = {.name = "cross_entropy", .kernels = ONE_KERNEL("cross_entropy", forward), .gradient_share = loss_share};
