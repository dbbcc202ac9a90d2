// concat.c: two tensors side by side along channels; rewrite rules give both to the convolution behind it instead.
#include "graph/ops.h"
#include "graph/program.h"
#include "shaders/concat.h"

// a (N, Ca, H, W) and b (N, Cb, H, W), Ca a multiple of 8, give (N, Ca + Cb, H, W).
tensor *concat(graph *graph, tensor *a, tensor *b) {
  if (!a || !b) return NULL;
  if (a->shape.n != b->shape.n || a->shape.h != b->shape.h || a->shape.w != b->shape.w || a->shape.c % 8 ||
      a->layout != LAYOUT_C8 || b->layout != LAYOUT_C8)
    return graph_fail(graph, "concat: %s and %s do not fit", shape_format(a->shape).text, shape_format(b->shape).text);
  node *node = graph_append(graph, &concat_op, (tensor *[]){a, b}, 2, 0, NULL, 0);
  shape shape = a->shape;
  shape.c += b->shape.c;
  return node ? node_output(graph, node, shape, LAYOUT_C8) : NULL;
}

static mote_status forward(const node *node, program *program, mote_error *error) {
  const tensor *a = node->inputs[0], *b = node->inputs[1], *y = node->outputs[0];
  struct concat_parameters push = {.quads = (uint)(tensor_bytes(y) / 16),
                                   .a_quads = (uint)(tensor_bytes(a) / 16 / (size_t)a->shape.n),
                                   .b_quads = (uint)(tensor_bytes(b) / 16 / (size_t)b->shape.n)};
  step step = {.shader = "concat",
               .bindings = {node->inputs[0], node->inputs[1], node->outputs[0]},
               .binding_count = 3,
               .push = &push,
               .push_bytes = sizeof push};
  spread(push.quads, PLAIN_LOCAL_SIZE, step.groups);
  return program_dispatch(program, node, &step, error);
}

const op concat_op = {.name = "concat", .forward = forward};
