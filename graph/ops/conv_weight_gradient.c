// conv_weight_gradient.c: the gradient of a convolution's weight, on CPU drivers of several layers a dispatch.
#include "shaders/conv_weight_gradient.h"

#include <string.h>

#include "graph/kernels/kernel.h"
#include "graph/ir/views.h"
#include "graph/kernels/conv_tile.h"
#include "graph/kernels/texel.h"
#include "graph/ops/gradient_ops.h"

enum { X, SECOND, DY, LAYER_INPUTS };  // of each layer; SECOND is NULL where there are several

typedef struct weight_gradient_attributes {
  float dy_scale;  // while dy is in half precision, a power of two
} weight_gradient_attributes;
_Static_assert(CONV_WEIGHT_GRADIENT_COUNT * LAYER_INPUTS <= MAX_INPUTS && CONV_WEIGHT_GRADIENT_COUNT < MAX_OUTPUTS,
               "a node holds all layers, and the sum of their biases' gradients");

static int layer_count(const node *node) { return node->input_count / LAYER_INPUTS; }

// Of the first layer, the output after those of all layers; or NULL.
static tensor *bias_gradient(const node *node) {
  int layers = layer_count(node);
  return node->output_count > layers ? node->outputs[layers] : NULL;
}

static weight_gradient_product product_of(tensor *const *inputs, shape weight) {
  return (weight_gradient_product){
      .x = inputs[X], .second = inputs[SECOND], .out_channels = weight.n, .kernel = weight.h, .square = 1};
}

// ---------------------------------------------------------------------------------------------------------------------
// The kernels for CPU drivers

static uint blocks_of(const tensor *tensor) { return tensor ? (uint)round_up(tensor->shape.c, 8) / 8 : 0; }

// What is bound for the layers: the tensors that hold what all of them have of a kind.
typedef struct layers_bound {
  tensor *x, *dy, *dw;
} layers_bound;

static mote_status bind_layers(const node *node, launches *to, layers_bound *bound, mote_error *error) {
  tensor *x[CONV_WEIGHT_GRADIENT_COUNT], *dy[CONV_WEIGHT_GRADIENT_COUNT];
  for (int i = 0; i < layer_count(node); i++) {
    x[i] = node->inputs[LAYER_INPUTS * i + X];
    dy[i] = node->inputs[LAYER_INPUTS * i + DY];
  }
  TRY(launches_bind(to, x, layer_count(node), &bound->x, error));
  TRY(launches_bind(to, dy, layer_count(node), &bound->dy, error));
  return launches_bind(to, node->outputs, layer_count(node), &bound->dw, error);
}

static void describe_layer(const node *node, int layer, const layers_bound *bound, uint *words) {
  tensor *const *in = node->inputs + LAYER_INPUTS * layer;
  words[CONV_WEIGHT_GRADIENT_X] = share_offset(bound->x, in[X]);
  words[CONV_WEIGHT_GRADIENT_DY] = share_offset(bound->dy, in[DY]);
  words[CONV_WEIGHT_GRADIENT_DW] = share_offset(bound->dw, node->outputs[layer]);
  words[CONV_WEIGHT_GRADIENT_BLOCKS] = (blocks_of(in[X]) + blocks_of(in[SECOND])) | blocks_of(in[DY]) << 16;
}

static mote_status launch_layers(const node *node, launches *to, mote_error *error) {
  tensor *const *in = node->inputs, *dw = node->outputs[0], *db = bias_gradient(node), *table;
  layers_bound bound;
  TRY(bind_layers(node, to, &bound, error));
  TRY(launches_table(to, layer_count(node) * CONV_WEIGHT_GRADIENT_WORDS, &table, error));  // a row a layer
  struct conv_weight_gradient_texel_parameters push = {.batch = (uint)in[X]->shape.n,
                                                       .height = (uint)in[X]->shape.h,
                                                       .width = (uint)in[X]->shape.w,
                                                       .first_blocks = blocks_of(in[X]),
                                                       .layers = (uint)layer_count(node)};
  int width = in[X]->shape.w;
  launch launch = {.shader = to->kernel->name,
               .spec = {[CONV_WEIGHT_GRADIENT_SECOND] = in[SECOND] != NULL,
                        [CONV_WEIGHT_GRADIENT_BIAS] = db != NULL,
                        [CONV_WEIGHT_GRADIENT_TILES] = dw->shape.h != 3 ? 0 : width > 8 ? 4 : width > 4 ? 2 : 1},
               .spec_count = 4,
               .bindings = {bound.x, in[SECOND] ? in[SECOND] : bound.x, bound.dy, bound.dw, db ? db : dw, table},
               .binding_count = 6,
               .push = &push,
               .push_bytes = sizeof push,
               .groups = {0}};
  for (uint layer = 0; layer < push.layers; layer++) {
    uint *words = table->contents + layer * CONV_WEIGHT_GRADIENT_WORDS;
    describe_layer(node, (int)layer, &bound, words);
    words[CONV_WEIGHT_GRADIENT_FIRST] = launch.groups[0];
    launch.groups[0] += (words[CONV_WEIGHT_GRADIENT_BLOCKS] & 0xFFFF) * (words[CONV_WEIGHT_GRADIENT_BLOCKS] >> 16);
  }
  return launches_add(to, &launch, error);
}

// ---------------------------------------------------------------------------------------------------------------------
// The op

static mote_status add_bias_gradient(const node *node, launches *to, mote_error *error) {
  tensor *db = bias_gradient(node);
  return db ? channel_sum_launch(node->inputs[DY], db, to, error) : MOTE_OK;
}

// One layer after the other.
static mote_status launch_plain(const node *node, launches *to, mote_error *error) {
  for (int layer = 0; layer < layer_count(node); layer++) {
    tensor *const *in = node->inputs + LAYER_INPUTS * layer, *dw = node->outputs[layer];
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
    TRY(launches_add(to, &launch, error));
  }
  return add_bias_gradient(node, to, error);
}

static mote_status launch_tiles(const node *node, launches *to, mote_error *error) {
  const weight_gradient_product product = product_of(node->inputs, node->outputs[0]->shape);
  TRY(weight_gradient_dispatch(node, to, &product, error));
  return add_bias_gradient(node, to, error);
}

static bool reads_texels_of(const device_caps *caps, const node *node, int kernel) {
  tensor *const *in = node->inputs;
  return node->outputs[0]->shape.h == kernel && convolves_texels(caps, (const tensor *[]){in[X], in[SECOND], in[DY]}, LAYER_INPUTS);
}

static bool fits_winograd(const device_caps *caps, const node *node) { return reads_texels_of(caps, node, 3); }
static bool fits_texel(const device_caps *caps, const node *node) { return reads_texels_of(caps, node, 1); }

static bool fits_tiles(const device_caps *caps, const node *node) {
  (void)caps;
  return layer_count(node) == 1 && tiles_fit(node->inputs[X]->shape);
}

static bool fits_matrices(const device_caps *caps, const node *node) {
  const weight_gradient_product product = product_of(node->inputs, node->outputs[0]->shape);
  return fits_tiles(caps, node) && weight_gradient_matrix_fits(&product);
}

// As many products as the layers themselves.
static double multiply_adds(const node *node) {
  double sum = 0;
  for (int layer = 0; layer < layer_count(node); layer++) {
    shape w = node->outputs[layer]->shape;
    sum += (double)tensor_elements(node->inputs[LAYER_INPUTS * layer + DY]) * w.c * w.h * w.w;
  }
  return sum;
}

static const join join_layers;

const op conv_weight_gradient_op = {
    .name = "conv_weight_gradient",
    .kernels = KERNELS({"conv_weight_gradient_winograd", MOTE_KERNELS_TEXEL, fits_winograd, launch_layers},
                       {"conv_weight_gradient_texel", MOTE_KERNELS_TEXEL, fits_texel, launch_layers},
                       TILE_KERNELS("conv_weight_gradient", fits_matrices, fits_tiles, launch_tiles, NULL),
                       {"conv_weight_gradient", MOTE_KERNELS_PLAIN, NULL, launch_plain}),
    .multiply_adds = multiply_adds,
    .joins = {&join_layers}};

tensor *conv_weight_gradient(graph *graph, tensor *const inputs[3], const tensor *weight, tensor **db) {
  const weight_gradient_attributes attributes = {.dy_scale = graph->gradient_scale};
  node *node =
      graph_append(graph, &conv_weight_gradient_op, inputs, LAYER_INPUTS, 1u << SECOND, &attributes, sizeof attributes);
  tensor *dw = node ? node_output(graph, node, weight->shape, weight->role) : NULL;
  if (dw && db) *db = node_output(graph, node, (shape){1, weight->shape.n, 1, 1}, ROLE_ACTIVATION);
  return dw;
}

// ---------------------------------------------------------------------------------------------------------------------
// Several layers a dispatch

static bool can_be_part(const tensor *tensor, int layers) {
  return tensor->kind == TENSOR_ACTIVATION && !tensor->keep && (layers > 1 || !tensor->view_of);
}

// Is the node one of a kernel for CPU drivers that others can be done with?
static bool can_join(const graph *graph, const node *node) {
  if (kernel_choose(graph->caps, node)->launch != launch_layers || node->inputs[SECOND]) return false;
  return node->outputs[0]->kind == TENSOR_GRADIENT && node->outputs[0]->home.bytes &&
         can_be_part(node->inputs[X], layer_count(node)) && can_be_part(node->inputs[DY], layer_count(node));
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
static bool one_binding_holds(const graph *graph, tensor *all, const tensor *more) {
  size_t bytes = tensor_bytes(all->view_of ? all->view_of : all) + graph->caps->alignment + tensor_bytes(more);
  return share_fits(graph, &all, 1, more) && bytes / 16 <= graph->caps->max_texel_elements;
}

// Images must be of one size, and both must write a parameter's gradient, which has its home.
static bool layers_fit(const graph *graph, const node *node, const struct node *earlier, join_pairs *pairs) {
  bool alone = layer_count(node) == 1 && !bias_gradient(node);
  if (!alone || layer_count(earlier) == CONV_WEIGHT_GRADIENT_COUNT || !are_alike(graph, earlier, node)) return false;
  *pairs = (join_pairs){{{earlier->inputs[X], node->inputs[X]}, {earlier->inputs[DY], node->inputs[DY]}}, 2};
  return one_binding_holds(graph, earlier->inputs[X], node->inputs[X]) &&
         one_binding_holds(graph, earlier->inputs[DY], node->inputs[DY]) && 
         share_fits(graph, earlier->outputs, layer_count(earlier), node->outputs[0]);
}

// The earlier node's layers stay where they are, and the later one's comes after them; it is the later node that runs, when
// all gradients are there.
static bool take_layers(graph *graph, node *node, struct node *earlier) {
  tensor *x = node->inputs[X], *dy = node->inputs[DY], *dw = node->outputs[0], *db = bias_gradient(earlier);
  int inputs = earlier->input_count, layers = layer_count(earlier);
  if (!share_add(graph, earlier->inputs[X], x) || !share_add(graph, earlier->inputs[DY], dy)) return false;
  memcpy(node->inputs, earlier->inputs, sizeof node->inputs);
  memcpy(node->outputs, earlier->outputs, sizeof node->outputs);
  memcpy(node->attributes, earlier->attributes, sizeof node->attributes);
  node->inputs[inputs + X] = x;
  node->inputs[inputs + SECOND] = NULL;
  node->inputs[inputs + DY] = dy;
  node->input_count = inputs + LAYER_INPUTS;
  node->outputs[layers] = dw;
  node->output_count = layers + 1;
  if (db) node->outputs[node->output_count++] = db;
  for (int i = 0; i < node->output_count; i++) node->outputs[i]->producer = node;
  return true;
}

static const join join_layers = {JOIN_LATER, layers_fit, take_layers};
