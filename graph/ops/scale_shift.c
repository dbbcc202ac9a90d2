// scale_shift.c: how context and time enter the network: scale · x + shift, a number a channel each.
#include "graph/kernels/kernel.h"
#include "graph/kernels/texel.h"
#include "graph/ops/ops.h"
#include "shaders/scale_shift.h"

enum { X, SCALE, SHIFT, STEP, INPUT_COUNT };  // SCALE: the first that there is

// x (N, C, H, W) gives its like. With scale (N, C, 1, 1) and shift (N, C, 1, 1): scale · x + shift. `scale` NULL: x + shift.
// `shift` NULL: (1 + a) · x + b, where scale (N, 2C, 1, 1) is a, then b, and 8 divides C.
// With the step buffer, shift, or scale where it holds both, has a row a step, and all images take that of the current one.
tensor *scale_shift(graph *graph, tensor *x, tensor *scale, tensor *shift, tensor *step) {
  if (!x || (!scale && !shift)) return NULL;
  const uint32_t form = !scale ? SCALE_SHIFT_SUM : shift ? SCALE_SHIFT_PAIR : SCALE_SHIFT_HALVES;
  const int factor = form == SCALE_SHIFT_HALVES ? 2 : 1;
  const shape image = {x->shape.n, x->shape.c, 1, 1};
  tensor *rows = shift ? shift : scale;
  if ((!step && rows->shape.n != x->shape.n) || rows->shape.c != factor * x->shape.c || rows->shape.h * rows->shape.w != 1 ||
      (factor == 2 && x->shape.c % 8) || (form == SCALE_SHIFT_PAIR && !shape_equal(scale->shape, image)))
    return graph_fail(graph, "scale_shift: %s, scale %s and shift %s do not fit", shape_format(x->shape).text,
                      scale ? shape_format(scale->shape).text : "none", shift ? shape_format(shift->shape).text : "none");
  const scale_shift_attributes attributes = {.epilogue = {.scale = 1}, .form = form};
  tensor *inputs[INPUT_COUNT] = {x, scale ? scale : shift, scale ? shift : NULL, step};
  node *node = graph_append(graph, &scale_shift_op, inputs, INPUT_COUNT, 1u << SHIFT | 1u << STEP, &attributes, sizeof attributes);
  return node ? node_output(graph, node, x->shape, ROLE_ACTIVATION) : NULL;
}

static struct scale_shift_parameters describe(const node *node, launch *launch) {
  const scale_shift_attributes *attributes = (const void *)node->attributes;
  const tensor *x = node->inputs[X];
  launch->spec[SCALE_SHIFT_FORM] = attributes->form;
  launch->spec[SCALE_SHIFT_ACTIVATION] = attributes->epilogue.activation;
  return (struct scale_shift_parameters){.vectors = (uint)(tensor_bytes(x) / 16),
                                         .channel_quads = (uint)round_up(x->shape.c, 8) / 4,
                                         .pixels = (uint)(x->shape.h * x->shape.w)};
}

static mote_status forward(const node *node, launches *to, mote_error *error) {
  tensor *const *in = node->inputs;
  launch launch = {.shader = "scale_shift",
               .spec = {[SCALE_SHIFT_ROW_FROM_STEP] = in[STEP] != NULL},
               .spec_count = 3,
               // For an absent tensor another is bound, which is not touched there.
               .bindings = {in[X], in[SCALE], in[SHIFT] ? in[SHIFT] : in[SCALE], in[STEP] ? in[STEP] : in[X], node->outputs[0]},
               .binding_count = 5};
  const struct scale_shift_parameters push = describe(node, &launch);
  launch.push = &push;
  launch.push_bytes = sizeof push;
  spread(push.vectors, PLAIN_LOCAL_SIZE, launch.groups);
  return launches_add(to, &launch, error);
}

// ---------------------------------------------------------------------------------------------------------------------
// Backward, through the activation too

enum { B_X, B_SCALE, B_SHIFT, B_DY, B_INPUT_COUNT };  // the first three as forward
enum { B_DSCALE, B_DX, B_DSHIFT };                    // a sum without activation has only the first

static mote_status backward_forward(const node *node, launches *to, mote_error *error) {
  tensor *const *in = node->inputs, *const *out = node->outputs;
  launch launch = {.shader = to->kernel->name,
               .spec_count = 2,
               .bindings = {in[B_X], in[B_DY], in[B_SCALE], in[B_SHIFT] ? in[B_SHIFT] : in[B_SCALE],
                            out[node->output_count > B_DX ? B_DX : B_DSCALE], out[B_DSCALE],
                            out[node->output_count > B_DSHIFT ? B_DSHIFT : B_DSCALE]},
               .binding_count = 7};
  const struct scale_shift_parameters push = describe(node, &launch);
  launch.push = &push;
  launch.push_bytes = sizeof push;
  spread(push.vectors / push.pixels, 8, launch.groups);
  return launches_add(to, &launch, error);
}

const op scale_shift_backward_op = {.name = "scale_shift_backward", .kernels = VECTOR_KERNELS("scale_shift_backward", backward_forward)};

static void backward(graph *graph, node *forward) {
  const scale_shift_attributes *attributes = (const void *)forward->attributes;
  tensor *x = forward->inputs[X], *scale = forward->inputs[SCALE], *shift = forward->inputs[SHIFT];
  tensor *dy = forward->outputs[0]->grad;
  if (forward->inputs[STEP]) {
    graph_fail(graph, "%s: scale_shift by the current step is not for training", forward->label);
    return;
  }
  node *node = graph_append(graph, &scale_shift_backward_op, (tensor *[]){x, scale, shift, dy}, B_INPUT_COUNT, 1u << B_SHIFT,
                            attributes, sizeof *attributes);
  if (!node) return;
  const bool passes = attributes->form == SCALE_SHIFT_SUM && attributes->epilogue.activation == ACTIVATION_NONE;
  tensor *dscale = node_output(graph, node, scale->shape, ROLE_ACTIVATION);
  graph_add_gradient(graph, x, passes ? dy : node_output(graph, node, x->shape, ROLE_ACTIVATION));
  graph_add_gradient(graph, scale, dscale);
  if (shift) graph_add_gradient(graph, shift, node_output(graph, node, shift->shape, ROLE_ACTIVATION));
}

const op scale_shift_op = {.name = "scale_shift",
                           .kernels = ONE_KERNEL("scale_shift", forward),
                           .backward = backward,
                           .fills = SLOT_SCALE,
                           .slots = {[SLOT_ACTIVATION] = 1},
                           .differentiates_activation = true};
