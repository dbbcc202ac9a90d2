// mse.c: the weighted mean squared error of a batch, and its gradient.
#include "graph/kernels/kernel.h"
#include "graph/kernels/norm_lanes.h"
#include "graph/ops/ops.h"
#include "shaders/mse.h"

// x and target (N, C, H, W), weight (N, 1, 1, 1): loss = scale/(N·C·H·W) · Σ weight[n] · (x - target)², the first of four
// raw numbers, the others zeros. `*gradient` receives the loss's gradient by x.
tensor *mse(graph *graph, tensor *x, tensor *target, tensor *weight, float scale, tensor **gradient) {
  if (!x || !target || !weight) return NULL;
  if (!shape_equal(x->shape, target->shape) || weight->shape.n != x->shape.n || x->role != ROLE_ACTIVATION)
    return graph_fail(graph, "mse: %s and %s differ", shape_format(x->shape).text, shape_format(target->shape).text);
  const loss_attributes attributes = {.share = (float)(scale / (double)tensor_elements(x))};
  node *node = graph_append(graph, &mse_op, (tensor *[]){x, target, weight}, 3, 0, &attributes, sizeof attributes);
  if (!node) return NULL;
  tensor *loss = node_output(graph, node, (shape){1, 4, 1, 1}, ROLE_TABLE);
  *gradient = node_output(graph, node, x->shape, ROLE_ACTIVATION);
  node_output(graph, node, (shape){1, x->shape.n, 1, 1}, ROLE_TABLE);
  return loss;
}

static mote_status forward(const node *node, launches *to, mote_error *error) {
  tensor *x = node->inputs[0], *target = node->inputs[1], *weight = node->inputs[2];
  const loss_attributes *attributes = (const void *)node->attributes;
  struct mse_parameters push = {.batch = (uint)x->shape.n,
                                .image_quads = (uint)(tensor_bytes(x) / 16 / (size_t)x->shape.n),
                                .share = attributes->share};
  uint lanes = norm_lanes(to->caps, x, MOST_LANES);
  launch images = {.shader = "mse",
                 .spec = {[MSE_LANES] = lanes},
                 .spec_count = 1,
                 .bindings = {x, target, weight, node->outputs[1], node->outputs[2]},
                 .binding_count = 5,
                 .push = &push,
                 .push_bytes = sizeof push};
  spread(push.batch, 1, images.groups);
  TRY(launches_add(to, &images, error));
  if (attributes->in_parts) return MOTE_OK;
  const launch total = {.shader = "mse_total",
                      .spec = {[MSE_LANES] = lanes},
                      .spec_count = 1,
                      .bindings = {node->outputs[2], node->outputs[0]},
                      .binding_count = 2,
                      .push = &push,
                      .push_bytes = sizeof push};
  return launches_add(to, &total, error);
}

const op mse_op = {.name = "mse", .kernels = ONE_KERNEL("mse", forward), .gradient_share = loss_share};
