// conv_weight_gradient.c: the gradient of a convolution's weight, on CPU drivers of several layers a dispatch.
#include "graph/ops/conv_weight_gradient.h"

#include <string.h>

#include "graph/kernels/launch.h"
#include "graph/ir/views.h"
#include "graph/kernels/conv_tile.h"
#include "graph/kernels/texel.h"
#include "graph/ops/gradient_ops.h"
#include "shaders/conv_weight_gradient.h"

enum { X, SECOND, DY, LAYER_INPUTS };  // of each layer; SECOND is NULL where there are several

typedef struct weight_gradient_attributes {
  float dy_scale;                   // while dy is in half precision, a power of two
  tensor *db;                       // of the first layer, or NULL
  tensor *table;                    // a row a layer, of CONV_WEIGHT_GRADIENT_WORDS; on CPU drivers
  tensor *all_x, *all_dy, *all_dw;  // of several layers: what holds those of all; of one: NULL
} weight_gradient_attributes;
_Static_assert(CONV_WEIGHT_GRADIENT_COUNT * LAYER_INPUTS <= MAX_INPUTS && CONV_WEIGHT_GRADIENT_COUNT < MAX_OUTPUTS,
               "a node holds all layers, and the sum of their biases' gradients");

static bool makes_texels(const device_caps *caps, tensor *const *inputs) {
  return caps && prefers_texels(caps, (const tensor *[]){inputs[X], inputs[SECOND], inputs[DY]}, LAYER_INPUTS);
}

static weight_gradient_product product_of(tensor *const *inputs, shape weight) {
  return (weight_gradient_product){
      .x = inputs[X], .second = inputs[SECOND], .out_channels = weight.n, .kernel = weight.h, .square = 1};
}

// ---------------------------------------------------------------------------------------------------------------------
// The kernels for CPU drivers

static uint blocks_of(const tensor *tensor) { return tensor ? (uint)round_up(tensor->shape.c, 8) / 8 : 0; }

static void describe_layer(const node *node, int layer, uint *words) {
  const weight_gradient_attributes *attributes = (const void *)node->attributes;
  tensor *const *in = node->inputs + LAYER_INPUTS * layer;
  if (attributes->all_x) {
    words[CONV_WEIGHT_GRADIENT_X] = share_offset(attributes->all_x, in[X]);
    words[CONV_WEIGHT_GRADIENT_DY] = share_offset(attributes->all_dy, in[DY]);
    words[CONV_WEIGHT_GRADIENT_DW] = share_offset(attributes->all_dw, node->outputs[layer]);
  }
  words[CONV_WEIGHT_GRADIENT_BLOCKS] = (blocks_of(in[X]) + blocks_of(in[SECOND])) | blocks_of(in[DY]) << 16;
}

static mote_status dispatch_texels(const node *node, launches *to, mote_error *error) {
  const weight_gradient_attributes *attributes = (const void *)node->attributes;
  tensor *const *in = node->inputs, *dw = node->outputs[0], *x = attributes->all_x ? attributes->all_x : in[X];
  struct conv_weight_gradient_texel_parameters push = {.batch = (uint)in[X]->shape.n,
                                                       .height = (uint)in[X]->shape.h,
                                                       .width = (uint)in[X]->shape.w,
                                                       .first_blocks = blocks_of(in[X]),
                                                       .layers = (uint)(node->input_count / LAYER_INPUTS)};
  int width = in[X]->shape.w;
  bool winograd = dw->shape.h == 3;
  launch launch = {.shader = winograd ? "conv_weight_gradient_winograd" : "conv_weight_gradient_texel",
               .spec = {[CONV_WEIGHT_GRADIENT_SECOND] = in[SECOND] != NULL,
                        [CONV_WEIGHT_GRADIENT_BIAS] = attributes->db != NULL,
                        [CONV_WEIGHT_GRADIENT_TILES] = !winograd ? 0 : width > 8 ? 4 : width > 4 ? 2 : 1},
               .spec_count = 4,
               .bindings = {x, in[SECOND] ? in[SECOND] : x, attributes->all_dy ? attributes->all_dy : in[DY],
                            attributes->all_dw ? attributes->all_dw : dw, attributes->db ? attributes->db : dw,
                            attributes->table},
               .binding_count = 6,
               .push = &push,
               .push_bytes = sizeof push,
               .groups = {0}};
  for (uint layer = 0; layer < push.layers; layer++) {
    uint *words = attributes->table->contents + layer * CONV_WEIGHT_GRADIENT_WORDS;
    describe_layer(node, (int)layer, words);
    words[CONV_WEIGHT_GRADIENT_FIRST] = launch.groups[0];
    launch.groups[0] += (words[CONV_WEIGHT_GRADIENT_BLOCKS] & 0xFFFF) * (words[CONV_WEIGHT_GRADIENT_BLOCKS] >> 16);
  }
  return launches_add(to, &launch, error);
}

// ---------------------------------------------------------------------------------------------------------------------
// The op

static mote_status dispatch_plain(const node *node, launches *to, mote_error *error) {
  tensor *const *in = node->inputs, *dw = node->outputs[0];
  struct conv_weight_gradient_parameters push = {.batch = (uint)in[X]->shape.n,
                                                 .height = (uint)in[X]->shape.h,
                                                 .width = (uint)in[X]->shape.w,
                                                 .first_quads = 2 * blocks_of(in[X]),
                                                 .second_quads = 2 * blocks_of(in[SECOND]),
                                                 .out_blocks = blocks_of(in[DY])};
  launch launch = {.shader = "conv_weight_gradient",
               .spec = {[CONV_WEIGHT_GRADIENT_KERNEL] = (uint)dw->shape.h,
                        [CONV_WEIGHT_GRADIENT_SECOND] = in[SECOND] != NULL},
               .spec_count = 2,
               .bindings = {in[X], in[SECOND] ? in[SECOND] : in[X], in[DY], dw},
               .binding_count = 4,
               .push = &push,
               .push_bytes = sizeof push};
  spread(tensor_bytes(dw) / 16, PLAIN_LOCAL_SIZE, launch.groups);
  return launches_add(to, &launch, error);
}

static mote_status forward(const node *node, launches *to, mote_error *error) {
  if (makes_texels(to->caps, node->inputs)) return dispatch_texels(node, to, error);
  if (!prefers_tiles(to->caps, node->inputs[X]->shape)) return dispatch_plain(node, to, error);
  const weight_gradient_product product = product_of(node->inputs, node->outputs[0]->shape);
  return weight_gradient_dispatch(node, to, &product, error);
}

// As many products as the layers themselves.
static double multiply_adds(const node *node) {
  double sum = 0;
  for (int layer = 0; layer < node->input_count / LAYER_INPUTS; layer++) {
    shape w = node->outputs[layer]->shape;
    sum += (double)tensor_elements(node->inputs[LAYER_INPUTS * layer + DY]) * w.c * w.h * w.w;
  }
  return sum;
}

static const join join_layers;

const op conv_weight_gradient_op = {
    .name = "conv_weight_gradient", .forward = forward, .multiply_adds = multiply_adds, .join = &join_layers};

tensor *conv_weight_gradient(graph *graph, tensor *const inputs[3], const tensor *weight, tensor **db) {
  bool texels = makes_texels(graph->caps, inputs);
  const weight_gradient_attributes attributes = {
      .dy_scale = graph->gradient_scale,
      .table = texels ? graph_table(graph, "layers", CONV_WEIGHT_GRADIENT_WORDS) : NULL};
  node *node =
      graph_append(graph, &conv_weight_gradient_op, inputs, LAYER_INPUTS, 1u << SECOND, &attributes, sizeof attributes);
  tensor *dw = node ? node_output(graph, node, weight->shape, weight->layout) : NULL;
  if (!dw) return NULL;
  if (!db) return dw;
  if (!texels) {
    *db = channel_sum(graph, inputs[DY]);
    return dw;
  }
  *db = node_output(graph, node, (shape){1, weight->shape.n, 1, 1}, LAYOUT_C8);
  ((weight_gradient_attributes *)(void *)node->attributes)->db = *db;
  return dw;
}

// ---------------------------------------------------------------------------------------------------------------------
// Several layers a dispatch

static bool can_be_part(const tensor *tensor, const weight_gradient_attributes *of) {
  return tensor->kind == TENSOR_ACTIVATION && !tensor->keep && (of->all_x || !tensor->view_of);
}

// Is the node one of a kernel for CPU drivers that others can be done with?
static bool can_join(const graph *graph, const node *node) {
  const weight_gradient_attributes *attributes = (const void *)node->attributes;
  if (!makes_texels(graph->caps, node->inputs) || node->inputs[SECOND]) return false;
  return node->outputs[0]->kind == TENSOR_GRADIENT && node->outputs[0]->home.bytes &&
         can_be_part(node->inputs[X], attributes) && can_be_part(node->inputs[DY], attributes);
}

// Do the layers of both, and what they take, make a dispatch of layers that differ in channels alone?
static bool are_alike(const graph *graph, const node *a, const node *b) {
  const tensor *x = a->inputs[X], *other = b->inputs[X], *dw = a->outputs[0], *other_dw = b->outputs[0];
  for (int i = 0; i < a->input_count; i++)
    if (a->inputs[i] == b->inputs[X] || a->inputs[i] == b->inputs[DY]) return false;  // it cannot lie in two places
  return can_join(graph, a) && can_join(graph, b) &&
         x->shape.n == other->shape.n && x->shape.h == other->shape.h && x->shape.w == other->shape.w &&
         dw->shape.h == other_dw->shape.h && dw->home.buffer == other_dw->home.buffer;
}

// Does one binding hold what the layers of both have at `input`, as texels too?
static bool one_binding_holds(const graph *graph, const tensor *all, const tensor *more) {
  size_t bytes = tensor_bytes(all->view_of ? all->view_of : all) + graph->caps->alignment + tensor_bytes(more);
  return share_fits(graph, all, more) && bytes / 16 <= graph->caps->max_texel_elements;
}

static bool begin_sharing(graph *graph, node *node) {
  weight_gradient_attributes *attributes = (void *)node->attributes;
  if (attributes->all_x) return true;
  attributes->all_x = share_begin(graph, node->inputs[X]);
  attributes->all_dy = share_begin(graph, node->inputs[DY]);
  attributes->all_dw = share_begin(graph, node->outputs[0]);
  return attributes->all_x && attributes->all_dy && attributes->all_dw;
}

// Images must be of one size, and both must write a parameter's gradient, which has its home.
static bool layers_fit(const graph *graph, const node *node, const struct node *earlier, join_pairs *pairs) {
  const weight_gradient_attributes *own = (const void *)node->attributes, *all = (const void *)earlier->attributes;
  bool alone = node->input_count == LAYER_INPUTS && !own->db;
  if (!alone || earlier->input_count == CONV_WEIGHT_GRADIENT_COUNT * LAYER_INPUTS || !are_alike(graph, earlier, node))
    return false;
  const tensor *dw = all->all_dw ? all->all_dw : earlier->outputs[0];
  *pairs = (join_pairs){{{earlier->inputs[X], node->inputs[X]}, {earlier->inputs[DY], node->inputs[DY]}}, 2};
  return one_binding_holds(graph, earlier->inputs[X], node->inputs[X]) &&
         one_binding_holds(graph, earlier->inputs[DY], node->inputs[DY]) && share_fits(graph, dw, node->outputs[0]);
}

// The earlier node's layers stay where they are, and the later one's comes after them; it is the later node that runs, when
// all gradients are there.
static bool take_layers(graph *graph, node *node, struct node *earlier) {
  if (!begin_sharing(graph, earlier)) return false;
  const weight_gradient_attributes *all = (const void *)earlier->attributes;
  const weight_gradient_attributes *own = (const void *)node->attributes;
  tensor *x = node->inputs[X], *dy = node->inputs[DY], *dw = node->outputs[0];
  int inputs = earlier->input_count, layers = inputs / LAYER_INPUTS;
  if (!graph_join_tables(graph, all->table, own->table)) return false;
  share_add(graph, all->all_x, x);
  share_add(graph, all->all_dy, dy);
  share_add(graph, all->all_dw, dw);
  memcpy(node->inputs, earlier->inputs, sizeof node->inputs);
  memcpy(node->outputs, earlier->outputs, sizeof node->outputs);
  memcpy(node->attributes, earlier->attributes, sizeof node->attributes);
  node->inputs[inputs + X] = x;
  node->inputs[inputs + SECOND] = NULL;
  node->inputs[inputs + DY] = dy;
  node->input_count = inputs + LAYER_INPUTS;
  node->outputs[layers] = dw;
  node->output_count = layers + 1;
  if (all->db) node->outputs[node->output_count++] = all->db;
  for (int i = 0; i < node->output_count; i++) node->outputs[i]->producer = node;
  return true;
}

static const join join_layers = {JOIN_LATER, layers_fit, take_layers};
