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
  if (x->role != ROLE_ACTIVATION || weight->role != ROLE_WEIGHT_TRANSPOSED || w.n != x->shape.c || w.h != w.w ||
      bias->shape.c != w.c)
    return graph_fail(graph, "conv_transpose: %s and weight %s do not fit", shape_format(x->shape).text,
                      shape_format(w).text);
  tensor *inputs[INPUT_COUNT] = {[X] = x, [WEIGHT] = weight, [BIAS] = bias};
  const epilogue attributes = {.scale = 1};
  node *node =
      graph_append(graph, &conv_transpose_op, inputs, INPUT_COUNT, 1u << SECOND, &attributes, sizeof attributes);
  shape y = {x->shape.n, w.c, x->shape.h * w.h, x->shape.w * w.w};
  return node ? node_output(graph, node, y, ROLE_ACTIVATION) : NULL;
}

// A product in tiles, as convolutions are; the kernel's taps count as output channels.
static conv_product product_of(const node *node) {
  const tensor *x = node->inputs[X], *second = node->inputs[SECOND], *y = node->outputs[0];
  return (conv_product){.pixels = {x->shape.n, y->shape.c, x->shape.h, x->shape.w},
                        .stride = 1,
                        .square = node->inputs[WEIGHT]->shape.h,
                        .channels = x->shape.c + (second ? second->shape.c : 0)};
}

static mote_status launch_tiles(const node *node, launches *to, mote_error *error) {
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
  const launch described = {.spec = {[CONV_KERNEL] = 1,
                                     [CONV_ACTIVATION] = attributes->activation,
                                     [CONV_SECOND] = second != NULL,
                                     [CONV_BIAS] = 1},
                            .bindings = {x, second ? second : x, node->inputs[WEIGHT], node->inputs[BIAS], x, y},
                            .binding_count = 6,
                            .push = &push,
                            .push_bytes = sizeof push};
  const conv_product product = product_of(node);
  return conv_tile_launch(to, &product, &described, error);
}

static int vary_tiles(const kernel *kernel, const device_caps *caps, const node *node, variant variants[MOST_VARIANTS]) {
  const conv_product product = product_of(node);
  return conv_tile_variants(kernel, caps, &product, variants);
}

// What the other kernels have in common.
static launch describe(const node *node, struct conv_transpose_parameters *push) {
  tensor *x = node->inputs[X], *second = node->inputs[SECOND], *y = node->outputs[0];
  const epilogue *attributes = (const void *)node->attributes;
  *push = (struct conv_transpose_parameters){
      .batch = (uint)x->shape.n,
      .height = (uint)x->shape.h,
      .width = (uint)x->shape.w,
      .first_quads = (uint)round_up(x->shape.c, 8) / 4,
      .second_quads = second ? (uint)round_up(second->shape.c, 8) / 4 : 0,
      .out_blocks = (uint)round_up(y->shape.c, 8) / 8,
      .kernel = (uint)node->inputs[WEIGHT]->shape.h,
  };
  return (launch){.shader = "conv_transpose",
                  .spec = {[CONV_TRANSPOSE_ACTIVATION] = attributes->activation,
                           [CONV_TRANSPOSE_SECOND] = second != NULL},
                  .spec_count = 2,
                  .bindings = {x, second ? second : x, node->inputs[WEIGHT], node->inputs[BIAS], y},
                  .binding_count = 5,
                  .push = push,
                  .push_bytes = sizeof *push};
}

static mote_status launch_texel(const node *node, launches *to, mote_error *error) {
  struct conv_transpose_parameters push;
  launch launch = describe(node, &push);
  launch.shader = "conv_transpose_texel";
  launch.spec_count = 1;
  launch.groups[0] = push.out_blocks;
  launch.groups[1] = (push.batch * push.height * push.width + 7) / 8;
  launch.groups[2] = (push.kernel * push.kernel + 3) / 4;
  return launches_add(to, &launch, error);
}

static mote_status launch_plain(const node *node, launches *to, mote_error *error) {
  struct conv_transpose_parameters push;
  launch launch = describe(node, &push);
  spread((uint64_t)push.batch * push.height * push.width * push.kernel * push.kernel, PLAIN_LOCAL_SIZE, launch.groups);
  launch.groups[2] = push.out_blocks;
  return launches_add(to, &launch, error);
}

static bool fits_texel(const device_caps *caps, const node *node) {
  tensor *const *in = node->inputs;
  return convolves_texels(caps, (const tensor *[]){in[X], in[SECOND], in[WEIGHT]}, 3);
}

static bool fits_tiles(const device_caps *caps, const node *node) {
  (void)caps;
  return tiles_fit(node->outputs[0]->shape);
}

static bool fits_matrices(const device_caps *caps, const node *node) {
  const conv_product product = product_of(node);
  return fits_tiles(caps, node) && conv_matrix_fits(&product);
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

// x, second or NULL, dy → dw, db: one launch makes both where it reads texels
enum { G_X, G_SECOND, G_DY };
enum { G_DW, G_DB };

static weight_gradient_product product_of_gradient(const node *node) {
  return gradient_product(node->inputs[G_X], node->inputs[G_SECOND], node->outputs[G_DW]->shape);
}

static launch describe_weight_gradient(const node *node, struct conv_transpose_gradient_parameters *push) {
  tensor *x = node->inputs[G_X], *second = node->inputs[G_SECOND], *dy = node->inputs[G_DY];
  *push = gradient_parameters(x, second, dy);
  return (launch){.shader = "conv_transpose_weight_gradient",
                  .spec = {[CONV_TRANSPOSE_GRADIENT_SECOND] = second != NULL},
                  .spec_count = 1,
                  .bindings = {x, second ? second : x, dy, node->outputs[G_DW]},
                  .binding_count = 4,
                  .push = push,
                  .push_bytes = sizeof *push};
}

static mote_status weight_gradient_tiles(const node *node, launches *to, mote_error *error) {
  const weight_gradient_product product = product_of_gradient(node);
  TRY(weight_gradient_dispatch(node, to, &product, error));
  return channel_sum_launch(node->inputs[G_DY], node->outputs[G_DB], to, error);
}

static mote_status weight_gradient_texel(const node *node, launches *to, mote_error *error) {
  struct conv_transpose_gradient_parameters push;
  launch launch = describe_weight_gradient(node, &push);
  launch.shader = "conv_transpose_weight_gradient_texel";
  launch.spec[CONV_TRANSPOSE_GRADIENT_BIAS] = true;
  launch.spec_count = 2;
  launch.bindings[launch.binding_count++] = node->outputs[G_DB];
  launch.groups[0] = (push.first_quads + push.second_quads) / 2;
  launch.groups[1] = push.out_blocks;
  launch.groups[2] = (push.kernel * push.kernel + 3) / 4;
  return launches_add(to, &launch, error);
}

static mote_status weight_gradient_plain(const node *node, launches *to, mote_error *error) {
  struct conv_transpose_gradient_parameters push;
  launch launch = describe_weight_gradient(node, &push);
  spread(tensor_bytes(node->outputs[G_DW]) / 16, PLAIN_LOCAL_SIZE, launch.groups);
  TRY(launches_add(to, &launch, error));
  return channel_sum_launch(node->inputs[G_DY], node->outputs[G_DB], to, error);
}

static bool gradient_fits_texel(const device_caps *caps, const node *node) {
  tensor *const *in = node->inputs;
  return convolves_texels(caps, (const tensor *[]){in[G_X], in[G_SECOND], in[G_DY]}, 3);
}

static bool gradient_fits_tiles(const device_caps *caps, const node *node) {
  (void)caps;
  return tiles_fit(node->inputs[G_DY]->shape);
}

static bool gradient_fits_matrices(const device_caps *caps, const node *node) {
  const weight_gradient_product product = product_of_gradient(node);
  return gradient_fits_tiles(caps, node) && weight_gradient_matrix_fits(&product);
}

// As many products as the layer itself.
static double weight_gradient_multiply_adds(const node *node) {
  return (double)tensor_elements(node->inputs[G_DY]) * node->outputs[G_DW]->shape.n;
}

const op conv_transpose_weight_gradient_op = {
    .name = "conv_transpose_weight_gradient",
    .kernels = KERNELS({"conv_transpose_weight_gradient_texel", MOTE_KERNELS_TEXEL, gradient_fits_texel, weight_gradient_texel},
                       TILE_KERNELS("conv_transpose_weight_gradient", gradient_fits_matrices,
                                    gradient_fits_tiles, weight_gradient_tiles, NULL),
                       {"conv_transpose_weight_gradient", MOTE_KERNELS_PLAIN, NULL, weight_gradient_plain}),
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

// A convolution of dy with stride k and no padding.
static conv_product product_of_data_gradient(const node *node) {
  const tensor *dy = node->inputs[0], *weight = node->inputs[1];
  conv_product product = {.stride = weight->shape.h, .square = 1, .channels = dy->shape.c};
  made_by(node, &product.pixels);
  return product;
}

static mote_status data_gradient_tiles(const node *node, launches *to, mote_error *error) {
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
  const launch described = {.spec = {[CONV_KERNEL] = (uint)weight->shape.h},
                            .bindings = {dy, dy, weight, dy, dy, dx},
                            .binding_count = 6,
                            .push = &push,
                            .push_bytes = sizeof push};
  const conv_product product = product_of_data_gradient(node);
  return conv_tile_launch(to, &product, &described, error);
}

static int vary_data_gradient_tiles(const kernel *kernel, const device_caps *caps, const node *node, variant variants[MOST_VARIANTS]) {
  const conv_product product = product_of_data_gradient(node);
  return conv_tile_variants(kernel, caps, &product, variants);
}

// What the other kernels have in common: dy, exchanged weight → dx.
static launch describe_data_gradient(const node *node, struct conv_transpose_gradient_parameters *push) {
  const data_gradient_attributes *attributes = (const void *)node->attributes;
  shape made;
  tensor *dy = node->inputs[0], *weight = node->inputs[1], *dx = made_by(node, &made);
  *push = gradient_parameters(node->outputs[0], NULL, dy);
  push->first_block = attributes->first_block;
  push->split = push->first_quads / 2;
  push->first_quads = (uint)round_up(made.c, 8) / 4;
  push->second_at = second_at(node);
  return (launch){.shader = "conv_transpose_data_gradient",
                  .bindings = {dy, weight, dx},
                  .binding_count = 3,
                  .push = push,
                  .push_bytes = sizeof *push};
}

static mote_status data_gradient_texel(const node *node, launches *to, mote_error *error) {
  struct conv_transpose_gradient_parameters push;
  launch launch = describe_data_gradient(node, &push);
  launch.shader = "conv_transpose_data_gradient_texel";
  launch.groups[0] = (push.first_quads / 2 + 1) / 2;
  launch.groups[1] = (push.batch * push.height * push.width + 31) / 32;
  return launches_add(to, &launch, error);
}

static mote_status data_gradient_plain(const node *node, launches *to, mote_error *error) {
  struct conv_transpose_gradient_parameters push;
  launch launch = describe_data_gradient(node, &push);
  spread(push.batch * push.height * push.width, PLAIN_LOCAL_SIZE, launch.groups);
  launch.groups[2] = push.first_quads / 2;
  return launches_add(to, &launch, error);
}

static bool data_gradient_fits_texel(const device_caps *caps, const node *node) {
  return convolves_texels(caps, (const tensor *[]){node->inputs[0], node->inputs[1]}, 2);
}

static bool data_gradient_fits_tiles(const device_caps *caps, const node *node) {
  (void)caps;
  return tiles_fit(node->inputs[0]->shape);
}

static bool data_gradient_fits_matrices(const device_caps *caps, const node *node) {
  const conv_product product = product_of_data_gradient(node);
  return data_gradient_fits_tiles(caps, node) && conv_matrix_fits(&product);
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

static const join join_data_gradients = {JOIN_NEIGHBOUR, can_join, outputs_join};

const op conv_transpose_data_gradient_op = {
    .name = "conv_transpose_data_gradient",
    .kernels = KERNELS({"conv_transpose_data_gradient_texel", MOTE_KERNELS_TEXEL, data_gradient_fits_texel, data_gradient_texel},
                       TILE_KERNELS("conv_transpose_data_gradient", data_gradient_fits_matrices,
                                    data_gradient_fits_tiles, data_gradient_tiles, vary_data_gradient_tiles),
                       {"conv_transpose_data_gradient", MOTE_KERNELS_PLAIN, NULL, data_gradient_plain}),
    .multiply_adds = data_gradient_multiply_adds,
    .joins = {&join_data_gradients}};

static void add_data_gradient(graph *graph, tensor *dy, tensor *transposed, tensor *input, int first_channel) {
  if (!input || !input->requires_grad) return;
  const data_gradient_attributes attributes = {(uint32_t)first_channel / 8, graph->gradient_scale};
  node *node = graph_append(graph, &conv_transpose_data_gradient_op, (tensor *[]){dy, transposed}, 2, 0, &attributes,
                            sizeof attributes);
  if (node) graph_add_gradient(graph, input, node_output(graph, node, input->shape, ROLE_ACTIVATION));
}

static void add_weight_gradient(graph *graph, const node *forward, tensor *dy) {
  tensor *x = forward->inputs[X], *second = forward->inputs[SECOND], *weight = forward->inputs[WEIGHT];
  const weight_gradient_attributes attributes = {graph->gradient_scale};
  node *node = graph_append(graph, &conv_transpose_weight_gradient_op, (tensor *[]){x, second, dy}, 3, 1u << 1, &attributes,
                            sizeof attributes);
  if (!node) return;
  graph_add_gradient(graph, weight, node_output(graph, node, weight->shape, weight->role));
  graph_add_gradient(graph, forward->inputs[BIAS], node_output(graph, node, (shape){1, dy->shape.c, 1, 1}, ROLE_ACTIVATION));
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
    .name = "conv_transpose",
    .kernels = KERNELS({"conv_transpose_texel", MOTE_KERNELS_TEXEL, fits_texel, launch_texel},
                       TILE_KERNELS("conv_transpose", fits_matrices, fits_tiles, launch_tiles, vary_tiles),
                       {"conv_transpose", MOTE_KERNELS_PLAIN, NULL, launch_plain}),
    .backward = backward,
    .multiply_adds = multiply_adds,
    .slots = {[SLOT_ACTIVATION] = 1, [SLOT_SECOND] = SECOND}};
