// conv_transpose.c: transposed convolution with stride = kernel: every input pixel becomes a k×k square of its own.
#include "graph/ops.h"
#include "graph/program.h"
#include "graph/texel.h"
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

static mote_status forward(const node *node, program *program, mote_error *error) {
  tensor *x = node->inputs[X], *second = node->inputs[SECOND], *y = node->outputs[0];
  const epilogue *attributes = (const void *)node->attributes;
  struct conv_transpose_parameters push = {
      .batch = (uint)x->shape.n,
      .height = (uint)x->shape.h,
      .width = (uint)x->shape.w,
      .first_quads = (uint)round_up(x->shape.c, 8) / 4,
      .second_quads = second ? (uint)round_up(second->shape.c, 8) / 4 : 0,
      .out_blocks = (uint)round_up(y->shape.c, 8) / 8,
      .kernel = (uint)node->inputs[WEIGHT]->shape.h,
  };
  step step = {.shader = "conv_transpose",
               .spec = {[CONV_TRANSPOSE_ACTIVATION] = attributes->activation,
                        [CONV_TRANSPOSE_SECOND] = second != NULL},
               .spec_count = 2,
               .bindings = {x, second ? second : x, node->inputs[WEIGHT], node->inputs[BIAS], y},
               .binding_count = 5,
               .push = &push,
               .push_bytes = sizeof push};
  uint taps = push.kernel * push.kernel, pixels = push.batch * push.height * push.width;
  if (prefers_texels(program_caps(program), (const tensor *[]){x, second, node->inputs[WEIGHT]}, 3)) {
    step.shader = "conv_transpose_texel";
    step.groups[0] = push.out_blocks;
    step.groups[1] = (pixels + 7) / 8;
    step.groups[2] = (taps + 3) / 4;
  } else {
    spread((uint64_t)pixels * taps, PLAIN_LOCAL_SIZE, step.groups);
    step.groups[2] = push.out_blocks;
  }
  return program_dispatch(program, node, &step, error);
}

static double multiply_adds(const node *node) {
  shape w = node->inputs[WEIGHT]->shape;
  return (double)tensor_elements(node->outputs[0]) * w.n;
}

// Batch normalisation never follows it in a network that mote knows, so it takes no folded weights.
const op conv_transpose_op = {
    .name = "conv_transpose", .forward = forward, .multiply_adds = multiply_adds, .has_epilogue = true, .second_input = SECOND};
