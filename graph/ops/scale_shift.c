// scale_shift.c: how context and time enter the network: scale · x + shift, a number a channel each.
#include "graph/kernels/kernel.h"
#include "graph/kernels/texel.h"
#include "graph/ops/ops.h"
#include "shaders/scale_shift.h"

// x (N, C, H, W), scale (N, C, 1, 1). Without `step`, shift is (N, C, 1, 1). With the step buffer, shift is
// (steps, C, 1, 1) and all images take the row of the current step.
tensor *scale_shift(graph *graph, tensor *x, tensor *scale, tensor *shift, tensor *step) {
  if (!x || !scale || !shift) return NULL;
  if (scale->shape.n != x->shape.n || scale->shape.c != x->shape.c || shift->shape.c != x->shape.c ||
      (!step && shift->shape.n != x->shape.n))
    return graph_fail(graph, "scale_shift: %s, scale %s and shift %s do not fit", shape_format(x->shape).text,
                      shape_format(scale->shape).text, shape_format(shift->shape).text);
  node *node = graph_append(graph, &scale_shift_op, (tensor *[]){x, scale, shift, step}, 4, 1u << 3, NULL, 0);
  return node ? node_output(graph, node, x->shape, ROLE_ACTIVATION) : NULL;
}

static mote_status forward(const node *node, launches *to, mote_error *error) {
  tensor *x = node->inputs[0], *steps = node->inputs[3];
  struct scale_shift_parameters push = {.quads = (uint)(tensor_bytes(x) / 16),
                                        .channel_quads = (uint)round_up(x->shape.c, 8) / 4,
                                        .pixels = (uint)(x->shape.h * x->shape.w)};
  launch launch = {.shader = "scale_shift",
               .spec = {[SCALE_SHIFT_ROW_FROM_STEP] = steps != NULL},
               .spec_count = 1,
               .bindings = {x, node->inputs[1], node->inputs[2], steps ? steps : x, node->outputs[0]},
               .binding_count = 5,
               .push = &push,
               .push_bytes = sizeof push};
  spread(push.quads, PLAIN_LOCAL_SIZE, launch.groups);
  return launches_add(to, &launch, error);
}

// x, scale, dy → dx, dscale, dshift
static mote_status backward_forward(const node *node, launches *to, mote_error *error) {
  tensor *x = node->inputs[0], *scale = node->inputs[1], *dy = node->inputs[2];
  struct scale_shift_backward_parameters push = {.vectors = (uint)(x->shape.n * round_up(x->shape.c, 8)) / 4,
                                                 .pixels = (uint)(x->shape.h * x->shape.w)};
  launch launch = {.shader = to->kernel->name,
               .bindings = {x, dy, scale, node->outputs[0], node->outputs[1], node->outputs[2]},
               .binding_count = 6,
               .push = &push,
               .push_bytes = sizeof push};
  spread(push.vectors, 8, launch.groups);
  return launches_add(to, &launch, error);
}

const op scale_shift_backward_op = {.name = "scale_shift_backward", .kernels = VECTOR_KERNELS("scale_shift_backward", backward_forward)};

static void backward(graph *graph, node *forward) {
  tensor *x = forward->inputs[0], *scale = forward->inputs[1], *shift = forward->inputs[2];
  if (forward->inputs[3]) {
    graph_fail(graph, "%s: scale_shift by the current step is not for training", forward->label);
    return;
  }
  node *node = graph_append(graph, &scale_shift_backward_op, (tensor *[]){x, scale, forward->outputs[0]->grad}, 3, 0,
                            NULL, 0);
  if (!node) return;
  graph_add_gradient(graph, x, node_output(graph, node, x->shape, ROLE_ACTIVATION));
  graph_add_gradient(graph, scale, node_output(graph, node, scale->shape, ROLE_ACTIVATION));
  graph_add_gradient(graph, shift, node_output(graph, node, shift->shape, ROLE_ACTIVATION));
}

const op scale_shift_op = {.name = "scale_shift", .kernels = ONE_KERNEL("scale_shift", forward), .backward = backward, .fills = SLOT_SCALE};
