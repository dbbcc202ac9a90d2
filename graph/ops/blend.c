// blend.c: tensors added up, every image with factors of its own.
#include "graph/kernels/kernel.h"
#include "graph/ops/ops.h"
#include "shaders/blend.h"

enum { TABLE, ROW, TERM };

tensor *blend(graph *graph, const blend_desc *desc) {
  tensor *inputs[TERM + BLEND_TERMS] = {desc->table, desc->row}, *first = desc->terms[0];
  if (!desc->table || !desc->row || !first) return NULL;
  int count = 0;
  for (; count < BLEND_TERMS && desc->terms[count]; count++) {
    const tensor *term = inputs[TERM + count] = desc->terms[count];
    if (!shape_equal(term->shape, first->shape) || term->role != ROLE_ACTIVATION)
      return graph_fail(graph, "blend: %s and %s differ", shape_format(term->shape).text,
                        shape_format(first->shape).text);
  }
  if (desc->row->shape.c != first->shape.n || desc->column < 0 || desc->column + count > desc->table->shape.c)
    return graph_fail(graph, "blend: rows of %d words give no %d factors from word %d on for %d images",
                      desc->table->shape.c, count, desc->column, first->shape.n);
  const int32_t column = desc->column;
  node *node = graph_append(graph, &blend_op, inputs, TERM + count, 0, &column, sizeof column);
  return node ? node_output(graph, node, first->shape, ROLE_ACTIVATION) : NULL;
}

static mote_status forward(const node *node, launches *to, mote_error *error) {
  const int32_t *column = (const void *)node->attributes;
  tensor *y = node->outputs[0];
  struct blend_parameters push = {.quads = (uint)(tensor_bytes(y) / 16),
                                  .image_quads = (uint)(tensor_bytes(y) / 16 / (size_t)y->shape.n),
                                  .words = (uint)node->inputs[TABLE]->shape.c,
                                  .column = (uint)*column};
  uint32_t terms = (uint32_t)node->input_count - TERM;
  launch launch = {.shader = "blend",
               .spec = {terms},
               .spec_count = 1,
               .bindings = {node->inputs[TABLE], node->inputs[ROW]},
               .binding_count = TERM + BLEND_TERMS + 1,
               .push = &push,
               .push_bytes = sizeof push};
  for (uint32_t k = 0; k < BLEND_TERMS; k++) launch.bindings[TERM + k] = node->inputs[TERM + (k < terms ? k : 0)];
  launch.bindings[TERM + BLEND_TERMS] = y;
  spread(push.quads, PLAIN_LOCAL_SIZE, launch.groups);
  return launches_add(to, &launch, error);
}

const op blend_op = {.name = "blend", .kernels = ONE_KERNEL("blend", forward)};
