// linear.c: a fully connected layer.
#include "graph/ops.h"
#include "graph/program.h"
#include "shaders/linear.h"

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
  struct linear_parameters push = {.batch = (uint)node->inputs[0]->shape.n,
                                   .in_quads = (uint)round_up(node->inputs[0]->shape.c, 8) / 4,
                                   .out_blocks = (uint)round_up(node->outputs[0]->shape.c, 8) / 8};
  step step = {.shader = "linear",
               .spec = {[LINEAR_ACTIVATION] = attributes->activation},
               .spec_count = 1,
               .bindings = {node->inputs[0], node->inputs[1], node->inputs[2], node->outputs[0]},
               .binding_count = 4,
               .push = &push,
               .push_bytes = sizeof push};
  spread((uint64_t)push.batch * push.out_blocks * 8, PLAIN_LOCAL_SIZE, step.groups);
  return program_dispatch(program, node, &step, error);
}

static double multiply_adds(const node *node) {
  shape w = node->inputs[1]->shape;
  return (double)tensor_elements(node->outputs[0]) * w.c;
}

const op linear_op = {.name = "linear", .forward = forward, .multiply_adds = multiply_adds, .has_epilogue = true};
