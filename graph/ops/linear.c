// linear.c: a fully connected layer. A node works on one layer, or on several that were joined.
#include "shaders/linear.h"

#include <stdio.h>
#include <string.h>

#include "graph/kernels/kernel.h"
#include "graph/ir/views.h"
#include "graph/ops/ops.h"

// A layer binds LINEAR_TENSORS tensors: its inputs first, then its outputs.
enum { INPUTS = 3 };

_Static_assert(LINEAR_LAYERS * INPUTS <= MAX_INPUTS && LINEAR_LAYERS * 2 <= MAX_OUTPUTS, "a node holds all layers");

static int layer_count(const node *node) { return node->input_count / INPUTS; }

// A tensor of one layer, NULL where it is optional and absent.
static tensor *part(const node *node, int layer, int which) {
  int outputs = node->output_count / layer_count(node);
  if (which < INPUTS) return node->inputs[layer * INPUTS + which];
  return which - INPUTS < outputs ? node->outputs[layer * outputs + which - INPUTS] : NULL;
}

// That tensor of each layer; how many there are: none, or one a layer.
static int parts(const node *node, int which, tensor *parts[LINEAR_LAYERS]) {
  for (int layer = 0; layer < layer_count(node); layer++) parts[layer] = part(node, layer, which);
  return part(node, 0, which) ? layer_count(node) : 0;
}

// Places among a layer's tensors: `ins` has its input features, `outs` its output features. An invocation makes `bytes` bytes of the
// first output.
typedef struct roles {
  int ins, outs;
  size_t bytes;
} roles;

static mote_status dispatch_layers(const node *node, launches *to, roles roles, mote_error *error) {
  const epilogue *attributes = (const void *)node->attributes;
  int layers = layer_count(node);
  struct linear_parameters push = {{0}};
  launch launch = {.shader = node->op->name,
               .spec = {[LINEAR_ACTIVATION] = attributes->activation,
                        [LINEAR_KEEP] = part(node, 0, LINEAR_TENSORS - 1) != NULL},
               .spec_count = node->op == &linear_op ? 2 : 1,
               .binding_count = LINEAR_TENSORS,
               .push = &push,
               .push_bytes = sizeof push};
  for (int i = 0; i < LINEAR_TENSORS; i++) {
    tensor *of_layers[LINEAR_LAYERS];
    // A binding must not be empty: where a tensor is absent the one before it is bound, which the shader then does not touch.
    if (parts(node, i, of_layers)) TRY(launches_bind(to, of_layers, layers, &launch.bindings[i], error));
    else launch.bindings[i] = launch.bindings[i - 1];
  }
  uint64_t invocations = 0;
  for (int layer = 0; layer < layers; layer++) {
    uint *words = push.words + layer * LINEAR_WORDS;
    const tensor *ins = part(node, layer, roles.ins), *outs = part(node, layer, roles.outs);
    for (int i = 0; i < LINEAR_TENSORS; i++)
      if (part(node, layer, i)) words[i] = share_offset(launch.bindings[i], part(node, layer, i));
    words[LINEAR_BATCH] = (uint)ins->shape.n;
    words[LINEAR_SIZES] = (uint)round_up(ins->shape.c, 8) / 4 | (uint)round_up(outs->shape.c, 8) / 8 << 16;
    uint64_t own = tensor_bytes(part(node, layer, INPUTS)) / roles.bytes;
    if (own > invocations) invocations = own;
  }
  spread(invocations, PLAIN_LOCAL_SIZE, launch.groups);
  launch.groups[2] = (uint)layers;
  return launches_add(to, &launch, error);
}

// ---------------------------------------------------------------------------------------------------------------------
// Forward

enum { X, WEIGHT, BIAS, Y, Z };  // Z only where there is an activation and the backward pass asks for it

// x (N, I, 1, 1), weight (O, I, 1, 1), bias (1, O, 1, 1) give (N, O, 1, 1).
tensor *linear(graph *graph, tensor *x, tensor *weight, tensor *bias) {
  if (!x || !weight || !bias) return NULL;
  if (x->shape.c != weight->shape.c || x->shape.h * x->shape.w != 1 || bias->shape.c != weight->shape.n ||
      weight->role != ROLE_WEIGHT)
    return graph_fail(graph, "linear: %s and weight %s do not fit", shape_format(x->shape).text,
                      shape_format(weight->shape).text);
  const epilogue attributes = {.scale = 1};
  node *node =
      graph_append(graph, &linear_op, (tensor *[]){x, weight, bias}, INPUTS, 0, &attributes, sizeof attributes);
  return node ? node_output(graph, node, (shape){x->shape.n, weight->shape.n, 1, 1}, ROLE_ACTIVATION) : NULL;
}

static mote_status forward(const node *node, launches *to, mote_error *error) {
  return dispatch_layers(node, to, (roles){X, Y, 4}, error);
}

static double multiply_adds(const node *node) {
  double sum = 0;
  for (int layer = 0; layer < layer_count(node); layer++)
    sum += (double)tensor_elements(part(node, layer, Y)) * part(node, layer, WEIGHT)->shape.c;
  return sum;
}

// ---------------------------------------------------------------------------------------------------------------------
// Backward, through the activation too

enum { D_DY, D_Z, D_WEIGHT, D_DX };  // D_Z is NULL without an activation

static mote_status data_gradient_forward(const node *node, launches *to, mote_error *error) {
  return dispatch_layers(node, to, (roles){D_DX, D_DY, 16}, error);
}

enum { W_X, W_DY, W_Z, W_DW, W_DB };  // W_Z is NULL without an activation

static mote_status weight_gradient_forward(const node *node, launches *to, mote_error *error) {
  return dispatch_layers(node, to, (roles){W_X, W_DY, 16}, error);
}

static const join join_linear;
const op linear_data_gradient_op = {
    .name = "linear_data_gradient", .kernels = ONE_KERNEL("linear_data_gradient", data_gradient_forward), .joins = {&join_linear}};
const op linear_weight_gradient_op = {
    .name = "linear_weight_gradient", .kernels = ONE_KERNEL("linear_weight_gradient", weight_gradient_forward), .joins = {&join_linear}};

static void backward(graph *graph, node *forward) {
  const epilogue *attributes = (const void *)forward->attributes;
  tensor *x = forward->inputs[X], *weight = forward->inputs[WEIGHT], *bias = forward->inputs[BIAS];
  tensor *dy = forward->outputs[0]->grad, *z = NULL;
  if (attributes->activation) {
    z = node_output(graph, forward, dy->shape, dy->role);
    if (!z) return;
  }
  node *node = graph_append(graph, &linear_weight_gradient_op, (tensor *[]){x, dy, z}, INPUTS, 1u << W_Z, attributes,
                            sizeof *attributes);
  if (!node) return;
  graph_add_gradient(graph, weight, node_output(graph, node, weight->shape, weight->role));
  graph_add_gradient(graph, bias, node_output(graph, node, bias->shape, bias->role));
  if (!x->requires_grad) return;
  node = graph_append(graph, &linear_data_gradient_op, (tensor *[]){dy, z, weight}, INPUTS, 1u << D_Z, attributes,
                      sizeof *attributes);
  if (node) graph_add_gradient(graph, x, node_output(graph, node, x->shape, x->role));
}

// ---------------------------------------------------------------------------------------------------------------------
// Several layers a dispatch

static bool can_join(const graph *graph, const node *first, const node *other, join_pairs *pairs) {
  const epilogue *a = (const void *)first->attributes, *b = (const void *)other->attributes;
  int layers = layer_count(first);
  (void)pairs;
  if (layers == LINEAR_LAYERS || layer_count(other) > 1 || first->output_count != layers * other->output_count ||
      a->activation != b->activation)
    return false;
  for (int i = 0; i < LINEAR_TENSORS; i++) {
    tensor *of_layers[LINEAR_LAYERS], *own = part(other, 0, i);
    int count = parts(first, i, of_layers);
    if (!count != !own || (own && !share_fits(graph, of_layers, count, own))) return false;
  }
  return true;
}

// "contextembed1 and 3 more"
static void count_in_label(node *node, int more) {
  char *end = strstr(node->label, " and ");
  size_t length = end ? (size_t)(end - node->label) : strlen(node->label);
  snprintf(node->label + length, sizeof node->label - length, " and %d more", more);
}

static bool join_layers(graph *graph, node *first, node *other) {
  for (int i = 0; i < LINEAR_TENSORS; i++) {
    tensor *own = part(other, 0, i);
    if (own && !share_add(graph, part(first, 0, i), own)) return graph_fail(graph, "linear: %s is bound twice", own->name);
  }
  for (int i = 0; i < INPUTS; i++) first->inputs[first->input_count++] = other->inputs[i];
  for (int i = 0; i < other->output_count; i++) {
    first->outputs[first->output_count++] = other->outputs[i];
    other->outputs[i]->producer = first;
  }
  count_in_label(first, layer_count(first) - 1);
  return true;
}

static const join join_linear = {JOIN_EARLIER, can_join, join_layers};

const op linear_op = {.name = "linear",
                      .kernels = ONE_KERNEL("linear", forward),
                      .backward = backward,
                      .multiply_adds = multiply_adds,
                      .slots = {[SLOT_ACTIVATION] = 1},
                      .differentiates_activation = true,
                      .joins = {&join_linear}};
