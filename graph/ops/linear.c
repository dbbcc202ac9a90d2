// linear.c: a fully connected layer.
#include "graph/ops.h"
#include "graph/program.h"
#include "shaders/linear.h"
#include "shaders/linear_data_gradient.h"
#include "shaders/linear_weight_gradient.h"

// x (N, I, 1, 1), weight (O, I, 1, 1), bias (1, O, 1, 1) give (N, O, 1, 1).
tensor *linear(graph *graph, tensor *x, tensor *weight, tensor *bias) {
  if (!x || !weight || !bias) return NULL;
  if (x->shape.c != weight->shape.c || x->shape.h * x->shape.w != 1 || bias->shape.c != weight->shape.n ||
      weight->layout != LAYOUT_WEIGHT)
    return graph_fail(graph, "linear: %s and weight %s do not fit", shape_format(x->shape).text,
                      shape_format(weight->shape).text);
  const epilogue attributes = {.scale = 1};
  node *node =
      graph_append(graph, &linear_op, (tensor *[]){x, weight, bias}, 3, 0, &attributes, sizeof attributes);
  return node ? node_output(graph, node, (shape){x->shape.n, weight->shape.n, 1, 1}, LAYOUT_C8) : NULL;
}

static mote_status forward(const node *node, program *program, mote_error *error) {
  const epilogue *attributes = (const void *)node->attributes;
  tensor *kept = node->output_count > 1 ? node->outputs[1] : NULL;
  struct linear_parameters push = {.batch = (uint)node->inputs[0]->shape.n,
                                   .in_quads = (uint)round_up(node->inputs[0]->shape.c, 8) / 4,
                                   .out_blocks = (uint)round_up(node->outputs[0]->shape.c, 8) / 8};
  step step = {.shader = "linear",
               .spec = {[LINEAR_ACTIVATION] = attributes->activation, [LINEAR_KEEP] = kept != NULL},
               .spec_count = 2,
               .bindings = {node->inputs[0], node->inputs[1], node->inputs[2], node->outputs[0],
                            kept ? kept : node->outputs[0]},
               .binding_count = 5,
               .push = &push,
               .push_bytes = sizeof push};
  spread((uint64_t)push.batch * push.out_blocks * 8, PLAIN_LOCAL_SIZE, step.groups);
  return program_dispatch(program, node, &step, error);
}

static double multiply_adds(const node *node) {
  shape w = node->inputs[1]->shape;
  return (double)tensor_elements(node->outputs[0]) * w.c;
}

// ---------------------------------------------------------------------------------------------------------------------
// Backward, through the activation too

enum { D_DY, D_Z, D_WEIGHT };  // D_Z is NULL without an activation

// dy, z, weight → dx
static mote_status data_gradient_forward(const node *node, program *program, mote_error *error) {
  const epilogue *attributes = (const void *)node->attributes;
  tensor *const *in = node->inputs;
  struct linear_data_gradient_parameters push = {
      .batch = (uint)in[D_DY]->shape.n,
      .in_quads = (uint)round_up(node->outputs[0]->shape.c, 8) / 4,
      .out_blocks = (uint)round_up(in[D_DY]->shape.c, 8) / 8};
  step step = {.shader = "linear_data_gradient",
               .spec = {[LINEAR_DATA_GRADIENT_ACTIVATION] = attributes->activation},
               .spec_count = 1,
               .bindings = {in[D_DY], in[D_Z] ? in[D_Z] : in[D_DY], in[D_WEIGHT], node->outputs[0]},
               .binding_count = 4,
               .push = &push,
               .push_bytes = sizeof push};
  spread((uint64_t)push.batch * push.in_quads, PLAIN_LOCAL_SIZE, step.groups);
  return program_dispatch(program, node, &step, error);
}

enum { W_X, W_DY, W_Z };  // W_Z is NULL without an activation

// x, dy, z → dw, db
static mote_status weight_gradient_forward(const node *node, program *program, mote_error *error) {
  const epilogue *attributes = (const void *)node->attributes;
  tensor *const *in = node->inputs;
  struct linear_weight_gradient_parameters push = {
      .batch = (uint)in[W_X]->shape.n,
      .in_quads = (uint)round_up(in[W_X]->shape.c, 8) / 4,
      .out_blocks = (uint)round_up(in[W_DY]->shape.c, 8) / 8};
  step step = {.shader = "linear_weight_gradient",
               .spec = {[LINEAR_WEIGHT_GRADIENT_ACTIVATION] = attributes->activation},
               .spec_count = 1,
               .bindings = {in[W_X], in[W_DY], in[W_Z] ? in[W_Z] : in[W_DY], node->outputs[0], node->outputs[1]},
               .binding_count = 5,
               .push = &push,
               .push_bytes = sizeof push};
  spread((uint64_t)push.out_blocks * 8 * push.in_quads, PLAIN_LOCAL_SIZE, step.groups);
  return program_dispatch(program, node, &step, error);
}

static const op linear_data_gradient_op = {.name = "linear_data_gradient", .forward = data_gradient_forward};
static const op linear_weight_gradient_op = {.name = "linear_weight_gradient", .forward = weight_gradient_forward};

static void backward(graph *graph, const node *forward) {
  const epilogue *attributes = (const void *)forward->attributes;
  tensor *x = forward->inputs[0], *weight = forward->inputs[1], *bias = forward->inputs[2];
  tensor *dy = forward->outputs[0]->grad, *z = NULL;
  if (attributes->activation) {
    z = node_output(graph, graph->nodes[forward->index], dy->shape, dy->layout);
    if (!z) return;
  }
  node *node = graph_append(graph, &linear_weight_gradient_op, (tensor *[]){x, dy, z}, 3, 1u << W_Z, attributes,
                            sizeof *attributes);
  if (!node) return;
  graph_add_gradient(graph, weight, node_output(graph, node, weight->shape, weight->layout));
  graph_add_gradient(graph, bias, node_output(graph, node, bias->shape, bias->layout));
  if (!x->requires_grad) return;
  node = graph_append(graph, &linear_data_gradient_op, (tensor *[]){dy, z, weight}, 3, 1u << D_Z, attributes,
                      sizeof *attributes);
  if (node) graph_add_gradient(graph, x, node_output(graph, node, x->shape, x->layout));
}

const op linear_op = {.name = "linear",
                      .forward = forward,
                      .backward = backward,
                      .multiply_adds = multiply_adds,
                      .has_epilogue = true,
                      .differentiates_activation = true};
