// sampler_update.c: one denoising step of any sampler whose update is linear in x, the network's output and noise.
#include "graph/ops.h"
#include "graph/program.h"
#include "shaders/sampler_update.h"

// Updates x (N, C, H, W), H · W a multiple of 4, in place. model: as x. table: (steps, ROW_WORDS, 1, 1) raw. step: the
// step buffer.
bool sampler_update(graph *graph, tensor *x, tensor *model, tensor *table, tensor *step) {
  if (!x || !model || !table || !step) return false;
  if (!shape_equal(x->shape, model->shape) || x->shape.h * x->shape.w % 4 || table->shape.c != ROW_WORDS)
    return graph_fail(graph, "sampler_update: %s and %s do not fit", shape_format(x->shape).text,
                      shape_format(model->shape).text);
  return graph_append(graph, &sampler_update_op, (tensor *[]){x, model, table, step}, 4, 0, NULL, 0);
}

static mote_status forward(const node *node, program *program, mote_error *error) {
  shape x = node->inputs[0]->shape;
  struct sampler_update_parameters push = {
      .batch = (uint)x.n, .channels = (uint)x.c, .height = (uint)x.h, .width = (uint)x.w};
  step step = {.shader = "sampler_update",
               .bindings = {node->inputs[0], node->inputs[1], node->inputs[2], node->inputs[3]},
               .binding_count = 4,
               .push = &push,
               .push_bytes = sizeof push};
  spread((uint64_t)push.batch * push.channels * push.height * push.width / 4, PLAIN_LOCAL_SIZE, step.groups);
  return program_dispatch(program, node, &step, error);
}

const op sampler_update_op = {.name = "sampler_update", .forward = forward};
