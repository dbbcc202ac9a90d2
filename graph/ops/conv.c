// conv.c: 3×3 and 1×1 convolution, stride 1, "same" padding.
#include "graph/ops.h"
#include "graph/program.h"
#include "graph/texel.h"
#include "shaders/conv.h"

enum { X, SECOND, WEIGHT, BIAS, RESIDUAL, INPUT_COUNT };

// x (N, C, H, W), weight (O, C, k, k) with k 1 or 3, bias (1, O, 1, 1) give (N, O, H, W).
tensor *conv(graph *graph, tensor *x, tensor *weight, tensor *bias) {
  if (!x || !weight || !bias) return NULL;
  shape w = weight->shape;
  if (x->layout != LAYOUT_C8 || weight->layout != LAYOUT_WEIGHT || w.c != x->shape.c || w.h != w.w ||
      (w.h != 1 && w.h != 3) || bias->shape.c != w.n)
    return graph_fail(graph, "conv: %s and weight %s do not fit", shape_format(x->shape).text, shape_format(w).text);
  tensor *inputs[INPUT_COUNT] = {[X] = x, [WEIGHT] = weight, [BIAS] = bias};
  const epilogue attributes = {.scale = 1};
  node *node = graph_append(graph, &conv_op, inputs, INPUT_COUNT, 1u << SECOND | 1u << RESIDUAL, &attributes,
                            sizeof attributes);
  shape y = {x->shape.n, w.n, x->shape.h, x->shape.w};
  return node ? node_output(graph, node, y, LAYOUT_C8) : NULL;
}

// The tile of the texel kernel: as wide as the image up to 32 pixels, and as many rows as fill 32 accumulators.
static void choose_tile(shape y, step *step) {
  int groups = (y.w + 7) / 8;
  bool tiled = groups > 4;
  if (groups == 3 || tiled) groups = 4;
  int rows = 4 / groups;
  if (rows > y.h) rows = y.h;
  int tiles_x = (y.w + 8 * groups - 1) / (8 * groups), tiles_y = (y.h + rows - 1) / rows;
  step->shader = "conv_texel";
  step->spec[CONV_ROWS] = (uint)rows;
  step->spec[CONV_GROUPS] = (uint)groups;
  step->spec[CONV_TILED] = tiled;
  step->spec[CONV_EXACT] = y.w == tiles_x * 8 * groups && y.h == tiles_y * rows;
  step->spec_count = 8;
  step->groups[0] = (uint)round_up(y.c, 8) / 8;
  step->groups[1] = (uint)(tiles_x * tiles_y);
  step->groups[2] = (uint)y.n;
}

static mote_status forward(const node *node, program *program, mote_error *error) {
  tensor *x = node->inputs[X], *second = node->inputs[SECOND], *y = node->outputs[0];
  const epilogue *attributes = (const void *)node->attributes;
  struct conv_parameters push = {
      .batch = (uint)y->shape.n,
      .height = (uint)y->shape.h,
      .width = (uint)y->shape.w,
      .first_quads = (uint)round_up(x->shape.c, 8) / 4,
      .second_quads = second ? (uint)round_up(second->shape.c, 8) / 4 : 0,
      .out_blocks = (uint)round_up(y->shape.c, 8) / 8,
      .scale = attributes->scale,
  };
  step step = {.shader = "conv",
               .spec = {[CONV_KERNEL] = (uint)node->inputs[WEIGHT]->shape.h,
                        [CONV_ACTIVATION] = attributes->activation,
                        [CONV_SECOND] = second != NULL,
                        [CONV_RESIDUAL] = node->inputs[RESIDUAL] != NULL},
               .spec_count = 4,
               // Absent tensors stand for themselves through one that is there; the constants keep them unread.
               .bindings = {x, second ? second : x, node->inputs[WEIGHT], node->inputs[BIAS],
                            node->inputs[RESIDUAL] ? node->inputs[RESIDUAL] : x, y},
               .binding_count = 6,
               .push = &push,
               .push_bytes = sizeof push};
  if (prefers_texels(program_caps(program), (const tensor *[]){x, second, node->inputs[WEIGHT]}, 3)) {
    choose_tile(y->shape, &step);
  } else {
    spread((uint64_t)push.batch * push.height * push.width, PLAIN_LOCAL_SIZE, step.groups);
    step.groups[2] = push.out_blocks;
  }
  return program_dispatch(program, node, &step, error);
}

static double multiply_adds(const node *node) {
  shape w = node->inputs[WEIGHT]->shape;
  return (double)tensor_elements(node->outputs[0]) * w.c * w.h * w.w;
}

const op conv_op = {.name = "conv",
                    .forward = forward, .multiply_adds = multiply_adds,
                    .has_epilogue = true,
                    .second_input = SECOND,
                    .residual_input = RESIDUAL,
                    .weight_input = WEIGHT};
