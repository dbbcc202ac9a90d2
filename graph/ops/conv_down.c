// conv_down.c: 3×3 convolution with stride 2, which halves the image.
#include "graph/kernels/kernel.h"
#include "graph/kernels/texel.h"
#include "graph/ops/gradient_ops.h"
#include "graph/ops/ops.h"
#include "shaders/conv_down.h"

enum { X, WEIGHT, BIAS, INPUT_COUNT };  // of a gradient of x: that of y, the weight with its channels exchanged, and NULL

typedef struct conv_down_attributes {
  uint32_t padding;
  uint32_t back;  // whether this is the gradient of x
} conv_down_attributes;

static conv_down_attributes attributes_of(const node *node) {
  return *(const conv_down_attributes *)(const void *)node->attributes;
}

// x (N, C, H, W), weight (O, C, 3, 3), bias (1, O, 1, 1). With padding 1, zeros all around x, they give (N, O, (H + 1) / 2,
// (W + 1) / 2); with padding 0 one row and column of zeros after x, and (N, O, H / 2, W / 2).
tensor *conv_down(graph *graph, tensor *x, tensor *weight, tensor *bias, int padding) {
  if (!x || !weight || !bias) return NULL;
  shape s = x->shape, w = weight->shape, y = {s.n, w.n, (s.h + padding) / 2, (s.w + padding) / 2};
  if (x->role != ROLE_ACTIVATION || weight->role != ROLE_WEIGHT || w.c != s.c || w.h != 3 || w.w != 3 ||
      bias->shape.c != w.n || padding < 0 || padding > 1 || !y.h || !y.w)
    return graph_fail(graph, "conv_down: %s, weight %s and padding %d do not fit", shape_format(s).text, shape_format(w).text,
                      padding);
  const conv_down_attributes attributes = {.padding = (uint32_t)padding};
  tensor *inputs[INPUT_COUNT] = {x, weight, bias};
  node *node = graph_append(graph, &conv_down_op, inputs, INPUT_COUNT, 0, &attributes, sizeof attributes);
  return node ? node_output(graph, node, y, ROLE_ACTIVATION) : NULL;
}

enum { G_X, G_DY, G_INPUT_COUNT };  // of a weight gradient

// Of a layer, or of the gradient of its weight.
static launch describe(const node *node, const launches *to, struct conv_down_parameters *push) {
  const bool of_weight = node->op == &conv_down_weight_gradient_op;
  const conv_down_attributes attributes = attributes_of(node);
  tensor *const *in = node->inputs;
  const shape x = in[X]->shape, y = of_weight ? in[G_DY]->shape : node->outputs[0]->shape;
  *push = (struct conv_down_parameters){.batch = (uint)x.n,
                                        .height = (uint)x.h,
                                        .width = (uint)x.w,
                                        .quads = (uint)round_up(x.c, 8) / 4,
                                        .out_height = (uint)y.h,
                                        .out_width = (uint)y.w,
                                        .out_blocks = (uint)round_up(y.c, 8) / 8,
                                        .padding = attributes.padding};
  launch launch = {.shader = to->kernel->name,
                   .bindings = {in[0], in[1]},
                   .binding_count = 2,
                   .push = push,
                   .push_bytes = sizeof *push};
  if (!of_weight) {
    launch.spec[CONV_DOWN_BACK] = attributes.back;
    launch.spec[CONV_DOWN_BIAS] = in[BIAS] != NULL;
    launch.spec_count = 2;
    // A binding must not be empty: where there is no bias x is bound, which the shader then does not read there.
    launch.bindings[launch.binding_count++] = in[BIAS] ? in[BIAS] : in[X];
  }
  launch.bindings[launch.binding_count++] = node->outputs[0];
  return launch;
}

static mote_status launch_texel(const node *node, launches *to, mote_error *error) {
  struct conv_down_parameters push;
  launch launch = describe(node, to, &push);
  uint kinds = launch.spec[CONV_DOWN_BACK] ? 2 : 1;  // of rows, and of columns
  uint pixels = (push.out_height + kinds - 1) / kinds * ((push.out_width + kinds - 1) / kinds);
  launch.groups[0] = (push.out_blocks + 1) / 2;
  launch.groups[1] = (push.batch * pixels + 31) / 32;
  launch.groups[2] = kinds * kinds;
  return launches_add(to, &launch, error);
}

static mote_status launch_plain(const node *node, launches *to, mote_error *error) {
  struct conv_down_parameters push;
  launch launch = describe(node, to, &push);
  spread((uint64_t)push.batch * push.out_height * push.out_width, PLAIN_LOCAL_SIZE, launch.groups);
  launch.groups[2] = push.out_blocks;
  return launches_add(to, &launch, error);
}

// Of the gradients too: these are what their kernels read through texels.
static bool fits_texel(const device_caps *caps, const node *node) {
  return convolves_texels(caps, (const tensor *[]){node->inputs[0], node->inputs[1]}, 2);
}

// A gradient of x takes as many as the layer itself.
static double multiply_adds(const node *node) {
  shape w = node->inputs[WEIGHT]->shape;
  const tensor *y = attributes_of(node).back ? node->inputs[X] : node->outputs[0];
  return (double)tensor_elements(y) / y->shape.c * w.n * w.c * CONV_DOWN_TAPS;
}

// ---------------------------------------------------------------------------------------------------------------------
// Backward

static mote_status gradient_texel(const node *node, launches *to, mote_error *error) {
  struct conv_down_parameters push;
  launch launch = describe(node, to, &push);
  launch.groups[0] = push.quads / 2;
  launch.groups[1] = push.out_blocks;
  launch.groups[2] = 3;  // rows of taps
  return launches_add(to, &launch, error);
}

static mote_status gradient_plain(const node *node, launches *to, mote_error *error) {
  struct conv_down_parameters push;
  launch launch = describe(node, to, &push);
  spread(tensor_bytes(node->outputs[0]) / 16, PLAIN_LOCAL_SIZE, launch.groups);
  return launches_add(to, &launch, error);
}

static double gradient_multiply_adds(const node *node) {
  return (double)tensor_elements(node->inputs[G_DY]) * node->inputs[G_X]->shape.c * CONV_DOWN_TAPS;
}

const op conv_down_weight_gradient_op = {
    .name = "conv_down_weight_gradient",
    .kernels = KERNELS({"conv_down_weight_gradient_texel", MOTE_KERNELS_TEXEL, fits_texel, gradient_texel},
                       {"conv_down_weight_gradient", MOTE_KERNELS_PLAIN, NULL, gradient_plain}),
    .multiply_adds = gradient_multiply_adds};

static void backward(graph *graph, node *forward) {
  tensor *x = forward->inputs[X], *weight = forward->inputs[WEIGHT], *dy = forward->outputs[0]->grad;
  conv_down_attributes attributes = attributes_of(forward);
  tensor *inputs[G_INPUT_COUNT] = {[G_X] = x, [G_DY] = dy};
  node *node = graph_append(graph, &conv_down_weight_gradient_op, inputs, G_INPUT_COUNT, 0, &attributes, sizeof attributes);
  if (!node) return;
  graph_add_gradient(graph, weight, node_output(graph, node, weight->shape, weight->role));
  if (!(forward->without_gradient >> BIAS & 1)) graph_add_gradient(graph, forward->inputs[BIAS], channel_sum(graph, dy));
  if (!x->requires_grad) return;
  attributes.back = true;
  node = graph_append(graph, &conv_down_op, (tensor *[]){dy, weight_transpose(graph, weight, false), NULL}, INPUT_COUNT,
                      1u << BIAS, &attributes, sizeof attributes);
  if (node) graph_add_gradient(graph, x, node_output(graph, node, x->shape, ROLE_ACTIVATION));
}

const op conv_down_op = {.name = "conv_down",
                         .kernels = KERNELS({"conv_down_texel", MOTE_KERNELS_TEXEL, fits_texel, launch_texel},
                                            {"conv_down", MOTE_KERNELS_PLAIN, NULL, launch_plain}),
                         .backward = backward,
                         .multiply_adds = multiply_adds};
