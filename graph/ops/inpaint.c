// inpaint.c: after a denoising step, puts the pixels that are to stay back into x, or takes the step back: RePaint.
#include "graph/kernels/kernel.h"
#include "graph/ops/ops.h"
#include "shaders/inpaint.h"
#include "shaders/sampler_update.h"

// Updates x; `known` as x: the image without noise; `mask` (N, 1, H, W) raw: below ½ where pixels stay. Of the tensors
// x, table and step are looked at.
bool inpaint(graph *graph, const sampler_tensors *t, tensor *known, tensor *mask) {
  if (!t->x || !t->table || !t->step || !known || !mask) return false;
  shape x = t->x->shape, plane = {x.n, 1, x.h, x.w};
  if (!shape_equal(x, known->shape) || !shape_equal(plane, mask->shape) || mask->role != ROLE_TABLE ||
      t->table->shape.c != ROW_WORDS)
    return graph_fail(graph, "inpaint: %s, %s and %s do not fit", shape_format(x).text,
                      shape_format(known->shape).text, shape_format(mask->shape).text);
  return graph_append(graph, &inpaint_op, (tensor *[]){t->x, known, mask, t->table, t->step}, 5, 0, NULL, 0);
}

static mote_status forward(const node *node, launches *to, mote_error *error) {
  shape x = node->inputs[0]->shape;
  struct inpaint_parameters push = {
      .batch = (uint)x.n, .channels = (uint)x.c, .height = (uint)x.h, .width = (uint)x.w};
  launch launch = {.shader = "inpaint",
               .bindings = {node->inputs[0], node->inputs[1], node->inputs[2], node->inputs[3], node->inputs[4]},
               .binding_count = 5,
               .push = &push,
               .push_bytes = sizeof push};
  spread((uint64_t)push.batch * ((push.channels * push.height * push.width + 3) / 4), PLAIN_LOCAL_SIZE, launch.groups);
  return launches_add(to, &launch, error);
}

const op inpaint_op = {.name = "inpaint", .kernels = ONE_KERNEL("inpaint", forward), .writes = 1u << 0};
