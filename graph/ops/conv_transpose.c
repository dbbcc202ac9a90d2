// conv_transpose.c: transposed convolution with stride = kernel: every input pixel becomes a k×k square of its own.
#include "graph/kernels/kernel.h"
#include "graph/kernels/conv_tile.h"
#include "graph/kernels/texel.h"
#include "graph/ops/gradient_ops.h"
#include "graph/ops/ops.h"
#include "shaders/conv.h"
#include "shaders/conv_transpose.h"

enum { X, SECOND, WEIGHT, BIAS, INPUT_COUNT };

// x (N, C, H, W), weight (C, O, k, k), bias (1, O, 1, 1) give (N, O, k·H, k·W).
tensor *conv_transpose(graph *graph, tensor *x, tensor *weight, tensor *bias) {
  if (!x || !weight || !bias) return NULL;
  shape w = weight->shape;
  if (x->layout != LAYOUT_C8 || weight->layout != LAYOUT_WEIGHT_TRANSPOSED || w.n != x->shape.c || w.h != w.w ||
      bias->shape.c != w.c)
    return graph_fail(graph, "conv_transpose: %s and weight %s do not fit", shape_format(x->shape).text,
                      shape_format(w).text);
  tensor *inputs[INPUT_COUNT] = {[X] = x, [WEIGHT] = weight, [BIAS] = bias};
  const epilogue attributes = {.scale = 1};
  node *node =
      graph_append(graph, &conv_transpose_op, inputs, INPUT_COUNT, 1u << SECOND, &attributes, sizeof attributes);
  shape y = {x->shape.n, w.c, x->shape.h * w.h, x->shape.w * w.w};
  return node ? node_output(graph, node, y, LAYOUT_C8) : NULL;
}

// A product in tiles, as convolutions are; the kernel's taps count as output channels.
static mote_status forward_tiled(const node *node, launches *to, mote_error *error) {
  tensor *x = node->inputs[X], *second = node->inputs[SECOND], *y = node->outputs[0];
  const epilogue *attributes = (const void *)node->attributes;
  struct conv_parameters push = {.batch = (uint)x->shape.n,
                                 .height = (uint)x->shape.h,
                                 .width = (uint)x->shape.w,
                                 .first_quads = (uint)round_up(x->shape.c, 8) / 4,
                                 .second_quads = second ? (uint)round_up(second->shape.c, 8) / 4 : 0,
                                 .out_blocks = (uint)round_up(y->shape.c, 8) / 8,
                                 .split = (uint)round_up(y->shape.c, 8) / 8,
                                 .scale = 1,
                                 .x_scale = 1};
  int inexact;
  launch choices[CONV_TILE_CHOICES] = {
      {.spec = {[CONV_KERNEL] = 1,
                [CONV_ACTIVATION] = attributes->activation,
                [CONV_SECOND] = second != NULL,
                [CONV_BIAS] = 1},
       .bindings = {x, second ? second : x, node->inputs[WEIGHT], node->inputs[BIAS], x, y},
       .binding_count = 6,
       .push = &push,
       .push_bytes = sizeof push}};
  const conv_product product = {.pixels = {x->shape.n, y->shape.c, x->shape.h, x->shape.w},
                                .stride = 1,
                                .square = node->inputs[WEIGHT]->shape.h,
                                .channels = x->shape.c + (second ? second->shape.c : 0)};
  int count = conv_tile_choices(to->caps, &product, choices, &inexact);
  return launches_add_one_of(to, choices, count, inexact, error);
}

static mote_status forward(const node *node, launches *to, mote_error *error) {
  tensor *x = node->inputs[X], *second = node->inputs[SECOND], *y = node->outputs[0];
  const epilogue *attributes = (const void *)node->attributes;
  if (prefers_tiles(to->caps, y->shape)) return forward_tiled(node, to, error);
  struct conv_transpose_parameters push = {
      .batch = (uint)x->shape.n,
      .height = (uint)x->shape.h,
      .width = (uint)x->shape.w,
      .first_quads = (uint)round_up(x->shape.c, 8) / 4,
      .second_quads = second ? (uint)round_up(second->shape.c, 8) / 4 : 0,
      .out_blocks = (uint)round_up(y->shape.c, 8) / 8,
      .kernel = (uint)node->inputs[WEIGHT]->shape.h,
  };
  launch launch = {.shader = "conv_transpose",
               .spec = {[CONV_TRANSPOSE_ACTIVATION] = attributes->activation,
                        [CONV_TRANSPOSE_SECOND] = second != NULL},
               .spec_count = 2,
               .bindings = {x, second ? second : x, node->inputs[WEIGHT], node->inputs[BIAS], y},
               .binding_count = 5,
               .push = &push,
               .push_bytes = sizeof push};
  uint taps = push.kernel * push.kernel, pixels = push.batch * push.height * push.width;
  if (prefers_texels(to->caps, (const tensor *[]){x, second, node->inputs[WEIGHT]}, 3)) {
    launch.shader = "conv_transpose_texel";
    launch.spec_count = 1;
    launch.groups[0] = push.out_blocks;
    launch.groups[1] = (pixels + 7) / 8;
    launch.groups[2] = (taps + 3) / 4;
  } else {
    spread((uint64_t)pixels * taps, PLAIN_LOCAL_SIZE, launch.groups);
    launch.groups[2] = push.out_blocks;
  }
  return launches_add(to, &launch, error);
}

static double multiply_adds(const node *node) {
  shape w = node->inputs[WEIGHT]->shape;
  return (double)tensor_elements(node->outputs[0]) * w.n;
}

// ---------------------------------------------------------------------------------------------------------------------
// Backward

static struct conv_transpose_gradient_parameters gradient_parameters(const tensor *x, const tensor *second,
                                                                     const tensor *dy) {
  return (struct conv_transpose_gradient_parameters){
      .batch = (uint)x->shape.n,
      .height = (uint)x->shape.h,
      .width = (uint)x->shape.w,
      .first_quads = (uint)round_up(x->shape.c, 8) / 4,
      .second_quads = second ? (uint)round_up(second->shape.c, 8) / 4 : 0,
      .out_blocks = (uint)round_up(dy->shape.c, 8) / 8,
      .kernel = (uint)(dy->shape.h / x->shape.h),
  };
}

// `weight` is (C, O, k, k).
static weight_gradient_product gradient_product(const tensor *x, const tensor *second, shape weight) {
  return (weight_gradient_product){
      .x = x, .second = second, .out_channels = weight.c, .kernel = 1, .square = weight.h};
}

typedef struct weight_gradient_attributes {
  float dy_scale;  // while dy is in half precision, a power of two
} weight_gradient_attributes;

static bool makes_texels(const device_caps *caps, const tensor *x, const tensor *second, const tensor *dy) {
  return prefers_texels(caps, (const tensor *[]){x, second, dy}, 3);
}

// x, second or NULL, dy → dw, db: one launch makes both where it reads texels
static mote_status weight_gradient_forward(const node *node, launches *to, mote_error *error) {
  tensor *x = node->inputs[0], *second = node->inputs[1], *dy = node->inputs[2], *dw = node->outputs[0], *db = node->outputs[1];
  bool texels = makes_texels(to->caps, x, second, dy);
  if (prefers_tiles(to->caps, dy->shape)) {
    const weight_gradient_product product = gradient_product(x, second, dw->shape);
    TRY(weight_gradient_dispatch(node, to, &product, error));
    return channel_sum_launch(dy, db, to, error);
  }
  struct conv_transpose_gradient_parameters push = gradient_parameters(x, second, dy);
  launch launch = {.shader = "conv_transpose_weight_gradient",
               .spec = {[CONV_TRANSPOSE_GRADIENT_SECOND] = second != NULL,
                        [CONV_TRANSPOSE_GRADIENT_BIAS] = texels},
               .spec_count = 2,
               .bindings = {x, second ? second : x, dy, dw, db},
               .binding_count = 5,
               .push = &push,
               .push_bytes = sizeof push};
  if (texels) {
    launch.shader = "conv_transpose_weight_gradient_texel";
    launch.groups[0] = (push.first_quads + push.second_quads) / 2;
    launch.groups[1] = push.out_blocks;
    launch.groups[2] = (push.kernel * push.kernel + 3) / 4;
  } else {
    launch.spec_count = 1;
    launch.binding_count = 4;
    spread(tensor_bytes(dw) / 16, PLAIN_LOCAL_SIZE, launch.groups);
  }
  TRY(launches_add(to, &launch, error));
  return texels ? MOTE_OK : channel_sum_launch(dy, db, to, error);
}

// As many products as the layer itself.
static double weight_gradient_multiply_adds(const node *node) {
  return (double)tensor_elements(node->inputs[2]) * node->outputs[0]->shape.n;
}

const op conv_transpose_weight_gradient_op = {.name = "conv_transpose_weight_gradient",
                                                     .kernels = ONE_KERNEL("conv_transpose_weight_gradient", weight_gradient_forward),
                                                     .multiply_adds = weight_gradient_multiply_adds};

typedef struct data_gradient_attributes {
  uint32_t first_block;  // of the weight's input channels, in eights
  float dy_scale;        // while dy is in half precision, a power of two
} data_gradient_attributes;

// All that the node makes: its channels, and the tensor that holds them.
static tensor *made_by(const node *node, shape *made) {
  *made = node->outputs[0]->shape;
  if (node->output_count == 1) return node->outputs[0];
  made->c += node->outputs[1]->shape.c;
  return node->outputs[0]->view_of;
}

static uint second_at(const node *node) {
  return node->output_count > 1 ? (uint)(node->outputs[1]->view_offset / 16) : 0;
}

// A convolution of dy with stride k and no padding, in tiles.
static mote_status data_gradient_tiled(const node *node, launches *to, mote_error *error) {
  const data_gradient_attributes *attributes = (const void *)node->attributes;
  shape made;
  tensor *dy = node->inputs[0], *weight = node->inputs[1], *dx = made_by(node, &made);
  struct conv_parameters push = {.batch = (uint)made.n,
                                 .height = (uint)made.h,
                                 .width = (uint)made.w,
                                 .first_quads = (uint)round_up(dy->shape.c, 8) / 4,
                                 .out_blocks = (uint)round_up(made.c, 8) / 8,
                                 .split = (uint)round_up(node->outputs[0]->shape.c, 8) / 8,
                                 .second_at = second_at(node),
                                 .first_block = attributes->first_block,
                                 .scale = 1,
                                 .x_scale = attributes->dy_scale};
  int inexact;
  launch choices[CONV_TILE_CHOICES] = {{.spec = {[CONV_KERNEL] = (uint)weight->shape.h},
                                    .bindings = {dy, dy, weight, dy, dy, dx},
                                    .binding_count = 6,
                                    .push = &push,
                                    .push_bytes = sizeof push}};
  const conv_product product = {
      .pixels = made, .stride = weight->shape.h, .square = 1, .channels = dy->shape.c};
  int count = conv_tile_choices(to->caps, &product, choices, &inexact);
  return launches_add_one_of(to, choices, count, inexact, error);
}

// dy, exchanged weight → dx
static mote_status data_gradient_forward(const node *node, launches *to, mote_error *error) {
  const data_gradient_attributes *attributes = (const void *)node->attributes;
  shape made;
  tensor *dy = node->inputs[0], *weight = node->inputs[1], *dx = made_by(node, &made);
  if (prefers_tiles(to->caps, dy->shape)) return data_gradient_tiled(node, to, error);
  struct conv_transpose_gradient_parameters push = gradient_parameters(node->outputs[0], NULL, dy);
  push.first_block = attributes->first_block;
  push.split = push.first_quads / 2;
  push.first_quads = (uint)round_up(made.c, 8) / 4;
  push.second_at = second_at(node);
  launch launch = {.shader = "conv_transpose_data_gradient",
               .bindings = {dy, weight, dx},
               .binding_count = 3,
               .push = &push,
               .push_bytes = sizeof push};
  uint pixels = push.batch * push.height * push.width;
  if (prefers_texels(to->caps, (const tensor *[]){dy, weight}, 2)) {
    launch.shader = "conv_transpose_data_gradient_texel";
    launch.groups[0] = (push.first_quads / 2 + 1) / 2;
    launch.groups[1] = (pixels + 31) / 32;
  } else {
    spread(pixels, PLAIN_LOCAL_SIZE, launch.groups);
    launch.groups[2] = push.first_quads / 2;
  }
  return launches_add(to, &launch, error);
}

static double data_gradient_multiply_adds(const node *node) {
  shape made;
  made_by(node, &made);
  return (double)tensor_elements(node->inputs[0]) * made.c;
}

static bool can_join(const graph *graph, const node *first, const node *other, join_pairs *pairs) {
  const data_gradient_attributes *b = (const void *)other->attributes;
  bool alike = first->inputs[0] == other->inputs[0] && first->inputs[1] == other->inputs[1];
  if (!alike || first->output_count > 1 || b->first_block != (uint32_t)first->outputs[0]->shape.c / 8) return false;
  return data_gradients_fit(graph, first, other, pairs);
}

static const join join_data_gradients = {JOIN_NEIGHBOUR, can_join, data_gradients_join};

const op conv_transpose_data_gradient_op = {.name = "conv_transpose_data_gradient",
                                                   .kernels = ONE_KERNEL("conv_transpose_data_gradient", data_gradient_forward),
                                                   .multiply_adds = data_gradient_multiply_adds,
                                                   .join = &join_data_gradients};

static void add_data_gradient(graph *graph, tensor *dy, tensor *transposed, tensor *input, int first_channel) {
  if (!input || !input->requires_grad) return;
  const data_gradient_attributes attributes = {(uint32_t)first_channel / 8, graph->gradient_scale};
  node *node = graph_append(graph, &conv_transpose_data_gradient_op, (tensor *[]){dy, transposed}, 2, 0, &attributes,
                            sizeof attributes);
  if (node) graph_add_gradient(graph, input, node_output(graph, node, input->shape, LAYOUT_C8));
}

static void add_weight_gradient(graph *graph, const node *forward, tensor *dy) {
  tensor *x = forward->inputs[X], *second = forward->inputs[SECOND], *weight = forward->inputs[WEIGHT];
  const weight_gradient_attributes attributes = {graph->gradient_scale};
  node *node = graph_append(graph, &conv_transpose_weight_gradient_op, (tensor *[]){x, second, dy}, 3, 1u << 1, &attributes,
                            sizeof attributes);
  if (!node) return;
  graph_add_gradient(graph, weight, node_output(graph, node, weight->shape, weight->layout));
  graph_add_gradient(graph, forward->inputs[BIAS], node_output(graph, node, (shape){1, dy->shape.c, 1, 1}, LAYOUT_C8));
}

static void backward(graph *graph, node *forward) {
  const epilogue *attributes = (const void *)forward->attributes;
  tensor *x = forward->inputs[X], *second = forward->inputs[SECOND], *weight = forward->inputs[WEIGHT];
  tensor *dy = forward->outputs[0]->grad;
  if (attributes->activation) {
    graph_fail(graph, "%s: no gradient goes through a transposed convolution's epilogue", forward->label);
    return;
  }
  add_weight_gradient(graph, forward, dy);
  tensor *transposed = weight_transpose(graph, weight, false);
  add_data_gradient(graph, dy, transposed, x, 0);
  add_data_gradient(graph, dy, transposed, second, x->shape.c);
}

// Batch normalisation never follows it in a network that mote knows, so it takes no folded weights.
const op conv_transpose_op = {
    .name = "conv_transpose", .kernels = ONE_KERNEL("conv_transpose", forward), .backward = backward, .multiply_adds = multiply_adds,
    .slots = {[SLOT_ACTIVATION] = 1, [SLOT_SECOND] = SECOND}};
