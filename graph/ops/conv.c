// conv.c: 3×3 and 1×1 convolution, stride 1, "same" padding.
#include "graph/conv_tile.h"
#include "graph/gradient_ops.h"
#include "graph/ops.h"
#include "graph/program.h"
#include "graph/texel.h"
#include "shaders/conv.h"
#include "shaders/conv_weight_gradient.h"

enum { X, SECOND, WEIGHT, BIAS, RESIDUAL, INPUT_COUNT };

typedef struct conv_attributes {
  epilogue epilogue;
  float x_scale;         // while x is in half precision, a power of two
  uint32_t first_block;  // of the weight's output channels, in eights: a data gradient may take a part of them
} conv_attributes;

// x (N, C, H, W), weight (O, C, k, k) with k 1 or 3, bias (1, O, 1, 1) give (N, O, H, W).
tensor *conv(graph *graph, tensor *x, tensor *weight, tensor *bias) {
  if (!x || !weight || !bias) return NULL;
  shape w = weight->shape;
  if (x->layout != LAYOUT_C8 || weight->layout != LAYOUT_WEIGHT || w.c != x->shape.c || w.h != w.w ||
      (w.h != 1 && w.h != 3) || bias->shape.c != w.n)
    return graph_fail(graph, "conv: %s and weight %s do not fit", shape_format(x->shape).text, shape_format(w).text);
  tensor *inputs[INPUT_COUNT] = {[X] = x, [WEIGHT] = weight, [BIAS] = bias};
  const conv_attributes attributes = {.epilogue = {.scale = 1}, .x_scale = 1};
  node *node = graph_append(graph, &conv_op, inputs, INPUT_COUNT, 1u << SECOND | 1u << RESIDUAL, &attributes,
                            sizeof attributes);
  shape y = {x->shape.n, w.n, x->shape.h, x->shape.w};
  return node ? node_output(graph, node, y, LAYOUT_C8) : NULL;
}

// How many columns of eight the texel kernels take at once: all of a row up to 32 pixels.
static int column_groups(int width) {
  int groups = (width + 7) / 8;
  return groups >= 3 ? 4 : groups;
}

// A tile of the texel kernels: `rows` rows of 8 · `groups` columns.
static void take_texel_tile(shape y, const char *shader, int rows, int groups, step *step) {
  if (rows > y.h) rows = y.h;
  int tiles_x = (y.w + 8 * groups - 1) / (8 * groups), tiles_y = (y.h + rows - 1) / rows;
  step->shader = shader;
  step->spec[CONV_ROWS] = (uint)rows;
  step->spec[CONV_GROUPS] = (uint)groups;
  step->spec[CONV_TILED] = tiles_x > 1;
  step->spec[CONV_EXACT] = y.w == tiles_x * 8 * groups && y.h == tiles_y * rows;
  step->spec_count = 9;
  step->groups[0] = (uint)round_up(y.c, 8) / 8;
  step->groups[1] = (uint)(tiles_x * tiles_y);
  step->groups[2] = (uint)y.n;
}

static bool fits_winograd(shape weight, shape y) { return weight.h == 3 && y.h % 4 == 0; }

// Winograd's: four rows of up to 16 columns, where heights allow it, else the other one: as wide as the image up to 32 pixels,
// and as many rows as fill 32 accumulators. No other has been found faster yet: what else there is, is for a full search.
static int texel_choices(bool plain, shape weight, shape y, step steps[CONV_TILE_CHOICES], int *inexact) {
  bool winograd = fits_winograd(weight, y);
  int count = 0, groups = column_groups(y.w);
  for (int wide = groups > 2 ? 2 : groups; wide >= 1 && winograd; wide--) {
    steps[count] = steps[0];
    take_texel_tile(y, "conv_winograd", 4, wide, &steps[count]);
    // Worth it, but in training, where most have none: llvmpipe keeps 4.2 MiB less than with a pipeline for layers without.
    if (plain) steps[count].spec[CONV_ACTIVATION] = ACTIVATION_GELU;
    count++;
  }
  steps[count] = steps[0];
  take_texel_tile(y, "conv_texel", 4 / groups, groups, &steps[count++]);
  *inexact = count - 1;
  return count;
}

static mote_status forward(const node *node, program *program, mote_error *error) {
  tensor *x = node->inputs[X], *second = node->inputs[SECOND], *y = node->outputs[0];
  const conv_attributes *attributes = (const void *)node->attributes;
  struct conv_parameters push = {
      .batch = (uint)y->shape.n,
      .height = (uint)y->shape.h,
      .width = (uint)y->shape.w,
      .first_quads = (uint)round_up(x->shape.c, 8) / 4,
      .second_quads = second ? (uint)round_up(second->shape.c, 8) / 4 : 0,
      .out_blocks = (uint)round_up(y->shape.c, 8) / 8,
      .first_block = attributes->first_block,
      .scale = attributes->epilogue.scale,
      .x_scale = attributes->x_scale,
      .plain = !attributes->epilogue.activation && !program_graph(program)->train,
  };
  step steps[CONV_TILE_CHOICES] = {
      {.shader = "conv",
       .spec = {[CONV_KERNEL] = (uint)node->inputs[WEIGHT]->shape.h,
                [CONV_ACTIVATION] = attributes->epilogue.activation,
                [CONV_SECOND] = second != NULL,
                [CONV_RESIDUAL] = node->inputs[RESIDUAL] != NULL,
                [CONV_BIAS] = node->inputs[BIAS] != NULL},
       .spec_count = 5,
       // Absent tensors stand for themselves through one that is there; the constants keep them unread.
       .bindings = {x, second ? second : x, node->inputs[WEIGHT], node->inputs[BIAS] ? node->inputs[BIAS] : x,
                    node->inputs[RESIDUAL] ? node->inputs[RESIDUAL] : x, y},
       .binding_count = 6,
       .push = &push,
       .push_bytes = sizeof push}};
  int count = 1, inexact = 0;
  if (prefers_texels(program_caps(program), (const tensor *[]){x, second, node->inputs[WEIGHT]}, 3)) {
    count = texel_choices(push.plain, node->inputs[WEIGHT]->shape, y->shape, steps, &inexact);
  } else if (prefers_tiles(program_caps(program), x->shape)) {
    const conv_product product = {.pixels = y->shape,
                                  .stride = 1,
                                  .square = 1,
                                  .channels = x->shape.c + (second ? second->shape.c : 0)};
    count = conv_tile_choices(program_caps(program), &product, steps, &inexact);
  } else {
    spread((uint64_t)push.batch * push.height * push.width, PLAIN_LOCAL_SIZE, steps[0].groups);
    steps[0].groups[2] = push.out_blocks;
  }
  return program_dispatch_one_of(program, node, steps, count, inexact, error);
}

// A CPU driver would make Winograd's kernel once more for a second input, and once more for a residual: each for the one
// layer of the network that has it. Worth two more dispatches: llvmpipe (Mesa 22.3) at f 64 keeps 13.8 MiB less, and
// `mote sample -n 1` takes 0.38 s instead of 0.59 s of CPU time; steps of 32 images take no longer.
static bool keeps_apart(const graph *graph, const node *node) {
  const tensor *x = node->inputs[X], *weight = node->inputs[WEIGHT];
  return graph->caps && !graph->train && prefers_texels(graph->caps, (const tensor *[]){x, weight}, 2) &&
         fits_winograd(weight->shape, node->outputs[0]->shape);
}

static double multiply_adds(const node *node) {
  shape w = node->inputs[WEIGHT]->shape;
  return (double)tensor_elements(node->outputs[0]) * w.c * w.h * w.w;
}

// ---------------------------------------------------------------------------------------------------------------------
// Backward

static weight_gradient_product gradient_product(const tensor *x, const tensor *second, shape weight) {
  return (weight_gradient_product){
      .x = x, .second = second, .out_channels = weight.n, .kernel = weight.h, .square = 1};
}

// x, second or NULL, dy → dw
static mote_status weight_gradient_forward(const node *node, program *program, mote_error *error) {
  tensor *x = node->inputs[0], *second = node->inputs[1], *dy = node->inputs[2], *dw = node->outputs[0];
  if (prefers_tiles(program_caps(program), x->shape)) {
    const weight_gradient_product product = gradient_product(x, second, dw->shape);
    return weight_gradient_dispatch(node, program, &product, error);
  }
  struct conv_weight_gradient_parameters push = {
      .batch = (uint)x->shape.n,
      .height = (uint)x->shape.h,
      .width = (uint)x->shape.w,
      .first_quads = (uint)round_up(x->shape.c, 8) / 4,
      .second_quads = second ? (uint)round_up(second->shape.c, 8) / 4 : 0,
      .out_blocks = (uint)round_up(dw->shape.n, 8) / 8,
  };
  step step = {.shader = "conv_weight_gradient",
               .spec = {[CONV_WEIGHT_GRADIENT_KERNEL] = (uint)dw->shape.h,
                        [CONV_WEIGHT_GRADIENT_SECOND] = second != NULL},
               .spec_count = 2,
               .bindings = {x, second ? second : x, dy, dw},
               .binding_count = 4,
               .push = &push,
               .push_bytes = sizeof push};
  if (prefers_texels(program_caps(program), (const tensor *[]){x, second, dy}, 3)) {
    step.shader = "conv_weight_gradient_texel";
    step.spec[CONV_WEIGHT_GRADIENT_GROUPS] = (uint)column_groups(x->shape.w);
    step.spec[CONV_WEIGHT_GRADIENT_TILED] = x->shape.w > 32;
    step.spec_count = 4;
    step.groups[0] = (push.first_quads + push.second_quads) / 2;
    step.groups[1] = push.out_blocks;
  } else {
    spread(tensor_bytes(dw) / 16, PLAIN_LOCAL_SIZE, step.groups);
  }
  return program_dispatch(program, node, &step, error);
}

// As many products as the layer itself.
static double weight_gradient_multiply_adds(const node *node) {
  shape w = node->outputs[0]->shape;
  return (double)tensor_elements(node->inputs[2]) * w.c * w.h * w.w;
}

static const op conv_weight_gradient_op = {.name = "conv_weight_gradient",
                                           .forward = weight_gradient_forward,
                                           .multiply_adds = weight_gradient_multiply_adds};

static tensor *weight_gradient(graph *graph, const node *forward, tensor *dy) {
  const tensor *weight = forward->inputs[WEIGHT];
  node *node = graph_append(graph, &conv_weight_gradient_op,
                            (tensor *[]){forward->inputs[X], forward->inputs[SECOND], dy}, 3, 1u << 1,
                            &graph->gradient_scale, sizeof graph->gradient_scale);
  tensor *dw = node ? node_output(graph, node, weight->shape, weight->layout) : NULL;
  if (!dw || !graph->caps || !prefers_tiles(graph->caps, forward->inputs[X]->shape)) return dw;
  const weight_gradient_product product = gradient_product(forward->inputs[X], forward->inputs[SECOND], weight->shape);
  if (!weight_gradient_add_parts(graph, node, &product)) return NULL;
  return dw;
}

// The gradient of one input: a convolution of dy with the turned weight, of whose output channels this input's begin at
// `first_channel`, a multiple of 8.
static tensor *data_gradient(graph *graph, tensor *dy, tensor *turned, const tensor *input, int first_channel) {
  const conv_attributes attributes = {
      .epilogue = {.scale = 1}, .x_scale = graph->gradient_scale, .first_block = (uint32_t)first_channel / 8};
  tensor *inputs[INPUT_COUNT] = {[X] = dy, [WEIGHT] = turned};
  node *node = graph_append(graph, &conv_op, inputs, INPUT_COUNT, 1u << SECOND | 1u << BIAS | 1u << RESIDUAL,
                            &attributes, sizeof attributes);
  return node ? node_output(graph, node, input->shape, LAYOUT_C8) : NULL;
}

static void backward(graph *graph, const node *forward) {
  const conv_attributes *attributes = (const void *)forward->attributes;
  tensor *x = forward->inputs[X], *second = forward->inputs[SECOND], *dy = forward->outputs[0]->grad;
  if (attributes->epilogue.activation || attributes->epilogue.scale != 1 || forward->inputs[RESIDUAL]) {
    graph_fail(graph, "%s: no gradient goes through a convolution's epilogue", forward->label);
    return;
  }
  graph_add_gradient(graph, forward->inputs[WEIGHT], weight_gradient(graph, forward, dy));
  bool bias_matters = forward->inputs[BIAS] && !(forward->without_gradient >> BIAS & 1);
  if (bias_matters) graph_add_gradient(graph, forward->inputs[BIAS], channel_sum(graph, dy));
  if (!x->requires_grad && !(second && second->requires_grad)) return;
  tensor *turned = weight_transpose(graph, forward->inputs[WEIGHT], true);
  if (x->requires_grad) graph_add_gradient(graph, x, data_gradient(graph, dy, turned, x, 0));
  if (second && second->requires_grad)
    graph_add_gradient(graph, second, data_gradient(graph, dy, turned, second, x->shape.c));
}

const op conv_op = {.name = "conv",
                    .forward = forward,
                    .backward = backward, .multiply_adds = multiply_adds,
                    .has_epilogue = true,
                    .second_input = SECOND,
                    .residual_input = RESIDUAL,
                    .keeps_apart = keeps_apart,
                    .weight_input = WEIGHT};
