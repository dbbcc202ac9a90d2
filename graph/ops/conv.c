// conv.c: 3×3 and 1×1 convolution, stride 1, "same" padding.
#include <string.h>

#include "graph/kernels/kernel.h"
#include "graph/ir/views.h"
#include "graph/kernels/conv_tile.h"
#include "graph/kernels/texel.h"
#include "graph/ops/gradient_ops.h"
#include "graph/ops/ops.h"
#include "shaders/conv.h"

enum { X, SECOND, WEIGHT, BIAS, RESIDUAL, INPUT_COUNT };  // of several layers that were joined, so many for each
enum { MOST_LAYERS = MAX_INPUTS / INPUT_COUNT };

typedef struct conv_attributes {
  epilogue epilogue;
  float x_scale;         // while x is in half precision, a power of two
  uint32_t first_block;  // of the weight's output channels, in eights: a data gradient may take a part of them
  uint32_t one_binding;  // for both inputs, which are views of one tensor, where the kernel can
  uint32_t upsampled;    // x has half the height and width
} conv_attributes;

// x (N, C, H, W), weight (O, C, k, k) with k 1 or 3, bias (1, O, 1, 1) give (N, O, H, W).
tensor *conv(graph *graph, tensor *x, tensor *weight, tensor *bias) {
  if (!x || !weight || !bias) return NULL;
  shape w = weight->shape;
  if (x->role != ROLE_ACTIVATION || weight->role != ROLE_WEIGHT || w.c != x->shape.c || w.h != w.w ||
      (w.h != 1 && w.h != 3) || bias->shape.c != w.n)
    return graph_fail(graph, "conv: %s and weight %s do not fit", shape_format(x->shape).text, shape_format(w).text);
  tensor *inputs[INPUT_COUNT] = {[X] = x, [WEIGHT] = weight, [BIAS] = bias};
  const conv_attributes attributes = {.epilogue = {.scale = 1}, .x_scale = 1};
  node *node = graph_append(graph, &conv_op, inputs, INPUT_COUNT, 1u << SECOND | 1u << RESIDUAL, &attributes,
                            sizeof attributes);
  shape y = {x->shape.n, w.n, x->shape.h, x->shape.w};
  return node ? node_output(graph, node, y, ROLE_ACTIVATION) : NULL;
}

// A tile of the texel kernels: `rows` rows of 8 · `groups` columns.
static void take_texel_tile(shape y, const char *shader, int rows, int groups, launch *launch) {
  if (rows > y.h) rows = y.h;
  int tiles_x = (y.w + 8 * groups - 1) / (8 * groups), tiles_y = (y.h + rows - 1) / rows;
  launch->shader = shader;
  launch->spec[CONV_ROWS] = (uint)rows;
  launch->spec[CONV_GROUPS] = (uint)groups;
  launch->spec[CONV_TILED] = tiles_x > 1;
  launch->spec[CONV_EXACT] = y.w == tiles_x * 8 * groups && y.h == tiles_y * rows;
  launch->spec_count = 10;
  launch->groups[0] = (uint)round_up(y.c, 8) / 8;
  launch->groups[1] = (uint)(tiles_x * tiles_y);
  launch->groups[2] = (uint)y.n;
}

// How many columns of eight conv_texel takes at once: all of a row up to 32 pixels.
static int column_groups(int width) {
  int groups = (width + 7) / 8;
  return groups >= 3 ? 4 : groups;
}

static int layer_count(const node *node) { return node->input_count / INPUT_COUNT; }

static bool reads_convolved(const device_caps *caps, const node *node) {
  tensor *const *in = node->inputs;
  return convolves_texels(caps, (const tensor *[]){in[X], in[SECOND], in[WEIGHT]}, 3);
}

static bool fits_texel(const device_caps *caps, const node *node) { return layer_count(node) == 1 && reads_convolved(caps, node); }

static bool fits_winograd(const device_caps *caps, const node *node) {
  return node->inputs[WEIGHT]->shape.h == 3 && node->outputs[0]->shape.h % 4 == 0 && fits_texel(caps, node);
}

// Of few channels most of the time goes into finding pixels and storing them, in which it is no faster.
static bool fits_pointwise(const device_caps *caps, const node *node) {
  const conv_attributes *attributes = (const void *)node->attributes;
  shape w = node->inputs[WEIGHT]->shape;
  return w.h == 1 && w.c >= 32 && !attributes->upsampled && reads_convolved(caps, node);
}

// All that the node makes.
static shape made_by(const node *node) {
  shape made = node->outputs[0]->shape;
  for (int i = 1; i < node->output_count; i++) made.c += node->outputs[i]->shape.c;
  return made;
}

static conv_product product_of(const node *node) {
  const tensor *x = node->inputs[X], *second = node->inputs[SECOND];
  return (conv_product){
      .pixels = made_by(node), .stride = 1, .square = 1, .channels = x->shape.c + (second ? second->shape.c : 0)};
}

static bool fits_tiles(const device_caps *caps, const node *node) {
  const conv_attributes *attributes = (const void *)node->attributes;
  (void)caps;
  return !attributes->upsampled && tiles_fit(node->inputs[X]->shape);
}

static bool fits_matrices(const device_caps *caps, const node *node) {
  const conv_product product = product_of(node);
  return fits_tiles(caps, node) && conv_matrix_fits(&product);
}

// What the launches of all kernels have in common. `push` must outlive the launch.
static launch describe(const node *node, struct conv_parameters *push) {
  tensor *x = node->inputs[X], *second = node->inputs[SECOND], *y = node->outputs[0];
  const conv_attributes *attributes = (const void *)node->attributes;
  tensor *all = node->output_count > 1 ? y->view_of : NULL;  // what holds all outputs
  *push = (struct conv_parameters){
      .batch = (uint)y->shape.n,
      .height = (uint)y->shape.h,
      .width = (uint)y->shape.w,
      .first_quads = (uint)round_up(x->shape.c, 8) / 4,
      .second_quads = second ? (uint)round_up(second->shape.c, 8) / 4 : 0,
      .out_blocks = (uint)round_up(made_by(node).c, 8) / 8,
      .split = (uint)round_up(y->shape.c, 8) / 8,
      .second_at = all ? (uint)(node->outputs[1]->view_offset / 16) : 0,
      .first_block = attributes->first_block,
      .scale = attributes->epilogue.scale,
      .x_scale = attributes->x_scale,
  };
  return (launch){
      .shader = "conv",
      .spec = {[CONV_KERNEL] = (uint)node->inputs[WEIGHT]->shape.h,
               [CONV_ACTIVATION] = attributes->epilogue.activation,
               [CONV_SECOND] = attributes->upsampled ? CONV_UPSAMPLED : second ? CONV_SECOND_BOUND : 0,
               [CONV_RESIDUAL] = node->inputs[RESIDUAL] != NULL,
               [CONV_BIAS] = node->inputs[BIAS] != NULL},
      .spec_count = 5,
      // A binding must not be empty: where a tensor is absent x is bound, which the shader then does not read there.
      .bindings = {x, second ? second : x, node->inputs[WEIGHT], node->inputs[BIAS] ? node->inputs[BIAS] : x,
                   node->inputs[RESIDUAL] ? node->inputs[RESIDUAL] : x, all ? all : y},
      .binding_count = 6,
      .push = push,
      .push_bytes = sizeof *push,
      .push_places = PUSH_PLACE(conv_parameters, second_in) | PUSH_PLACE(conv_parameters, second_at) |
                     PUSH_PLACE(conv_parameters, first_block)};
}

// What several layers take in the place of one's weight and bias.
static mote_status take_layers(const node *node, const launches *to, launch *launch, struct conv_parameters *push, mote_error *error) {
  static const int shared[] = {WEIGHT, BIAS};
  uint32_t *const gaps[] = {&push->weight_gap, &push->bias_gap};
  for (int i = 0; i < 2 && layer_count(node) > 1; i++) {
    tensor *of_layers[MOST_LAYERS];
    for (int k = 0; k < layer_count(node); k++) of_layers[k] = node->inputs[k * INPUT_COUNT + shared[i]];
    TRY(launches_bind(to, of_layers, layer_count(node), &launch->bindings[shared[i]], error));
    const tensor *whole = launch->bindings[shared[i]];
    *gaps[i] = share_offset(whole, of_layers[1]) - share_offset(whole, of_layers[0]) - (uint32_t)(tensor_bytes(of_layers[0]) / 16);
    launch->spec[CONV_JOINED] = 1;
    launch->spec_count = CONV_JOINED + 1;
  }
  return MOTE_OK;
}

// Tiles as wide as the image up to 32 pixels and as many rows as fill 32 accumulators.
static void take_texel(const node *node, launch *launch) {
  int groups = column_groups(node->outputs[0]->shape.w);
  take_texel_tile(made_by(node), "conv_texel", 4 / groups, groups, launch);
  launch->spec[CONV_SPLIT] = node->output_count > 1;
}

static mote_status launch_texel(const node *node, launches *to, mote_error *error) {
  struct conv_parameters push;
  launch launch = describe(node, &push);
  take_texel(node, &launch);
  return launches_add(to, &launch, error);
}

// Tiles of four rows of up to 16 columns, or of eight by eight; smaller ones have not been found faster anywhere. Where pixels are
// few, a CPU driver takes longer to make the faster pipelines than they save; but two outputs are gradients, of a training.
static int vary_winograd(const kernel *kernel, const device_caps *caps, const node *node, variant variants[MOST_VARIANTS]) {
  enum { ROWS = 4, WIDEST = 2, MANY_PIXELS = 2048 };
  (void)kernel, (void)caps;
  shape y = node->outputs[0]->shape;
  int count = 0, groups = column_groups(y.w), many = y.n * y.h * y.w >= MANY_PIXELS || node->output_count > 1;
  if (many && groups == 1 && y.h % (2 * ROWS) == 0) variants[count++] = (variant){.words = {2 * ROWS, 1, many}};
  for (int wide = groups > WIDEST ? WIDEST : groups; wide >= 1; wide--, count++)
    variants[count] = (variant){.unlikely = count > 0, .words = {ROWS, wide, many}};
  return count;
}

// Sampling's layers without activation, of which one has two inputs, take one variant for both.
static mote_status launch_winograd(const node *node, launches *to, mote_error *error) {
  const conv_attributes *attributes = (const void *)node->attributes;
  struct conv_parameters push;
  launch launch = describe(node, &push);
  bool alone = !node->inputs[SECOND] && !attributes->upsampled, follows = attributes->one_binding || (alone && !to->train && !attributes->epilogue.activation);
  take_texel_tile(made_by(node), "conv_winograd", to->variant.words[0], to->variant.words[1], &launch);
  launch.spec[CONV_ONE_ADDRESS] = (uint)to->variant.words[2];
  launch.spec_count = 11;
  launch.uniform = true;
  launch.spec[CONV_SPLIT] = node->output_count > 1;
  if (follows) launch.spec[CONV_SECOND] = CONV_SECOND_FOLLOWS;
  if (attributes->one_binding) {
    launch.bindings[X] = launch.bindings[SECOND] = node->inputs[X]->view_of;  // what holds both
    push.second_in = share_offset(node->inputs[X]->view_of, node->inputs[SECOND]);
  }
  return launches_add(to, &launch, error);
}

static int vary_tiles(const kernel *kernel, const device_caps *caps, const node *node, variant variants[MOST_VARIANTS]) {
  const conv_product product = product_of(node);
  return conv_tile_variants(kernel, caps, &product, variants);
}

// Of 1×1, two blocks of eight output channels of 32 pixels, which need not be those of one image.
static mote_status launch_pointwise(const node *node, launches *to, mote_error *error) {
  struct conv_parameters push;
  launch launch = describe(node, &push);
  uint pixels = push.batch * push.height * push.width, groups = pixels > 16 ? 4 : pixels > 8 ? 2 : 1;
  uint rows = (layer_count(node) > 1 ? push.split : push.out_blocks) % 2 ? 1 : 2;
  launch.shader = to->kernel->name;
  launch.spec[CONV_ROWS] = rows;
  launch.spec[CONV_GROUPS] = groups;
  launch.spec_count = 7;
  launch.groups[0] = push.out_blocks / rows;
  launch.groups[1] = (pixels + 8 * groups - 1) / (8 * groups);
  TRY(take_layers(node, to, &launch, &push, error));
  return launches_add(to, &launch, error);
}

static mote_status launch_tiles(const node *node, launches *to, mote_error *error) {
  struct conv_parameters push;
  launch described = describe(node, &push);
  TRY(take_layers(node, to, &described, &push, error));
  const conv_product product = product_of(node);
  return conv_tile_launch(to, &product, &described, error);
}

static mote_status launch_plain(const node *node, launches *to, mote_error *error) {
  struct conv_parameters push;
  launch launch = describe(node, &push);
  spread((uint64_t)push.batch * push.height * push.width, PLAIN_LOCAL_SIZE, launch.groups);
  launch.groups[2] = push.out_blocks;
  TRY(take_layers(node, to, &launch, &push, error));
  return launches_add(to, &launch, error);
}

// A CPU driver would make Winograd's kernel once more for a second input, and once more for a residual: each for the one
// layer of the network that has it. So when sampling the second input lies after the first in one binding, and a residual
// goes elsewhere where it can. Worth it: llvmpipe (Mesa 22.3) at f 64 keeps 13.8 MiB less, and `mote sample -n 1` takes 0.38 s instead of
// 0.59 s of CPU time; steps of 32 images take no longer.
static bool saves_variants(const graph *graph, const node *node) {
  return graph->caps && !graph->train && kernel_choose(graph->caps, node)->launch == launch_winograd;
}

static bool can_share(const tensor *tensor) {
  return tensor->kind == TENSOR_ACTIVATION && !tensor->keep && !tensor->view_of;
}

static bool offers(const graph *graph, const node *node, slot slot) {
  return slot != SLOT_RESIDUAL || !saves_variants(graph, node);
}

// If the kernel of the node can read that way.
static bool take_upsampled(const graph *graph, node *node, const struct node *other) {
  if (!graph->caps || node->inputs[SECOND] || ((const epilogue *)(const void *)other->attributes)->scale != 1) return false;
  conv_attributes *attributes = (void *)node->attributes;
  const kernel *before = kernel_choose(graph->caps, node);
  attributes->upsampled = true;
  if (kernel_choose(graph->caps, node) != before) attributes->upsampled = false;
  return attributes->upsampled;
}

static bool take_second(graph *graph, node *node, struct node *other) {
  tensor *x = other->inputs[0], *second = other->inputs[1];
  if (!saves_variants(graph, node)) return true;
  size_t bytes = tensor_bytes(x) + graph->caps->alignment + tensor_bytes(second);
  if (!can_share(x) || !can_share(second) || bytes / 16 > graph->caps->max_texel_elements || !share_fits(graph, &x, 1, second))
    return true;  // a variant of the kernel, then
  ((conv_attributes *)(void *)node->attributes)->one_binding = true;
  return share_add(graph, x, second);
}

static bool take(graph *graph, node *node, slot slot, struct node *other) {
  return slot == SLOT_LOAD ? take_upsampled(graph, node, other) : take_second(graph, node, other);
}

static double multiply_adds(const node *node) {
  shape w = node->inputs[WEIGHT]->shape;
  double elements = 0;
  for (int i = 0; i < node->output_count; i++) elements += (double)tensor_elements(node->outputs[i]);
  return elements * w.c * w.h * w.w;
}

// ---------------------------------------------------------------------------------------------------------------------
// Several layers a dispatch, which take the same and make as many channels

// From `a` on to `b`, in bytes, where both have their homes; as for what the program places, which is put there in order, else.
static size_t apart(const tensor *a, const tensor *b) {
  return a->home.bytes && b->home.offset > a->home.offset ? b->home.offset - a->home.offset : tensor_bytes(a);
}

// Whether one binding can hold an input of all layers, at equal distances.
static bool can_follow(const graph *graph, const node *first, const node *other, int which) {
  tensor *of_layers[MOST_LAYERS], *own = other->inputs[which];
  const int layers = layer_count(first);
  for (int i = 0; i < layers; i++) of_layers[i] = first->inputs[i * INPUT_COUNT + which];
  const size_t step = apart(of_layers[0], layers > 1 ? of_layers[1] : own), to_own = apart(of_layers[layers - 1], own);
  const size_t bytes = step * (size_t)layers + tensor_bytes(own);
  if (own->view_of || own == of_layers[0] || (layers == 1 && of_layers[0]->view_of)) return false;
  return share_fits(graph, of_layers, layers, own) && step == to_own && bytes / 16 <= graph->caps->max_texel_elements;
}

static bool is_a_layer(const node *node) {
  const tensor *y = node->outputs[0];
  return node->inputs[BIAS] && !node->inputs[SECOND] && !node->inputs[RESIDUAL] && y->shape.c % 8 == 0 &&
         y->kind == TENSOR_ACTIVATION && !y->keep;
}

static bool can_join_layers(const graph *graph, const node *first, const node *other, join_pairs *pairs) {
  const tensor *const *in = (const tensor *const *)first->inputs, *y = other->outputs[0];
  if (!graph->caps || in[X] != other->inputs[X] || layer_count(first) == MOST_LAYERS || layer_count(other) > 1) return false;
  if (!is_a_layer(first) || !is_a_layer(other) || first->output_count != layer_count(first) || other->output_count > 1) return false;
  if (!shape_equal(in[WEIGHT]->shape, other->inputs[WEIGHT]->shape) || memcmp(first->attributes, other->attributes, ATTRIBUTE_BYTES))
    return false;
  const kernel *kernel = kernel_choose(graph->caps, first);
  if (kernel->launch == launch_winograd || kernel->launch == launch_texel) return false;
  if (y->view_of || (first->output_count == 1 && first->outputs[0]->view_of)) return false;
  *pairs = (join_pairs){{{first->outputs[0], y}}, 1};
  return can_follow(graph, first, other, WEIGHT) && can_follow(graph, first, other, BIAS) &&
         share_fits(graph, first->outputs, first->output_count, y);
}

static bool join_layers(graph *graph, node *first, node *other) {
  if (!share_add(graph, first->inputs[WEIGHT], other->inputs[WEIGHT]) || !share_add(graph, first->inputs[BIAS], other->inputs[BIAS]))
    return false;
  memcpy(first->inputs + first->input_count, other->inputs, INPUT_COUNT * sizeof *other->inputs);
  first->input_count += INPUT_COUNT;
  return outputs_join(graph, first, other);
}

static const join join_equal_layers = {JOIN_EARLIER, can_join_layers, join_layers};

// ---------------------------------------------------------------------------------------------------------------------
// Backward

// The gradient of one input: a convolution of dy with the transposed weight, of whose output channels this input's begin at
// `first_channel`, a multiple of 8.
static tensor *data_gradient(graph *graph, tensor *dy, tensor *transposed, const tensor *input, int first_channel) {
  const conv_attributes attributes = {
      .epilogue = {.scale = 1}, .x_scale = graph->gradient_scale, .first_block = (uint32_t)first_channel / 8};
  tensor *inputs[INPUT_COUNT] = {[X] = dy, [WEIGHT] = transposed};
  node *node = graph_append(graph, &conv_op, inputs, INPUT_COUNT, 1u << SECOND | 1u << BIAS | 1u << RESIDUAL,
                            &attributes, sizeof attributes);
  return node ? node_output(graph, node, input->shape, ROLE_ACTIVATION) : NULL;
}

static void backward(graph *graph, node *forward) {
  const conv_attributes *attributes = (const void *)forward->attributes;
  tensor *x = forward->inputs[X], *second = forward->inputs[SECOND], *dy = forward->outputs[0]->grad;
  if (attributes->epilogue.activation || attributes->epilogue.scale != 1 || forward->inputs[RESIDUAL]) {
    graph_fail(graph, "%s: no gradient goes through a convolution's epilogue", forward->label);
    return;
  }
  bool bias_matters = forward->inputs[BIAS] && !(forward->without_gradient >> BIAS & 1);
  tensor *db = NULL;
  tensor *dw = conv_weight_gradient(graph, (tensor *[]){x, second, dy}, forward->inputs[WEIGHT], bias_matters ? &db : NULL);
  graph_add_gradient(graph, forward->inputs[WEIGHT], dw);
  graph_add_gradient(graph, forward->inputs[BIAS], db);
  if (!x->requires_grad && !(second && second->requires_grad)) return;
  tensor *transposed = weight_transpose(graph, forward->inputs[WEIGHT], true);
  if (x->requires_grad) graph_add_gradient(graph, x, data_gradient(graph, dy, transposed, x, 0));
  if (second && second->requires_grad)
    graph_add_gradient(graph, second, data_gradient(graph, dy, transposed, second, x->shape.c));
}

static bool can_join_gradients(const graph *graph, const node *first, const node *other, join_pairs *pairs) {
  const conv_attributes *b = (const void *)other->attributes;
  bool alike = first->inputs[X] == other->inputs[X] && first->inputs[WEIGHT] == other->inputs[WEIGHT];
  bool plain = !first->inputs[BIAS] && !first->inputs[RESIDUAL] && !other->inputs[BIAS] && !other->inputs[RESIDUAL];
  if (!alike || !plain || first->output_count > 1 || b->first_block != (uint32_t)first->outputs[0]->shape.c / 8) return false;
  return data_gradients_fit(graph, first, other, pairs);
}

static const join join_data_gradients = {JOIN_NEIGHBOUR, can_join_gradients, outputs_join};

const op conv_op = {.name = "conv",
                    .kernels = KERNELS({"conv_winograd", MOTE_KERNELS_TEXEL, fits_winograd, launch_winograd, vary_winograd},
                                       {"conv_pointwise_texel", MOTE_KERNELS_TEXEL, fits_pointwise, launch_pointwise},
                                       {"conv_texel", MOTE_KERNELS_TEXEL, fits_texel, launch_texel},
                                       TILE_KERNELS("conv", fits_matrices, fits_tiles, launch_tiles, vary_tiles),
                                       {"conv", MOTE_KERNELS_PLAIN, NULL, launch_plain}),
                    .backward = backward, .multiply_adds = multiply_adds,
                    .slots = {[SLOT_ACTIVATION] = 1, [SLOT_SECOND] = SECOND, [SLOT_LOAD] = 1, [SLOT_RESIDUAL] = RESIDUAL, [SLOT_WEIGHT] = WEIGHT},
                    .offers = offers,
                    .take = take,
                    .joins = {&join_data_gradients, &join_equal_layers}};
