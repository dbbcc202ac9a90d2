// step_advance.c: the device counts its own replays.
#include "graph/kernels/kernel.h"
#include "graph/ops/ops.h"
#include "shaders/step.h"

// Adds one to the step index in the step buffer, (1, STEP_WORDS, 1, 1) raw.
bool step_advance(graph *graph, tensor *step) {
  if (!step) return false;
  if (tensor_elements(step) != STEP_WORDS || step->role != ROLE_TABLE)
    return graph_fail(graph, "step_advance: %s is not a step buffer", shape_format(step->shape).text);
  return graph_append(graph, &step_advance_op, &step, 1, 0, NULL, 0);
}

static mote_status forward(const node *node, launches *to, mote_error *error) {
  const launch launch = {.shader = "step_advance", .bindings = {node->inputs[0]}, .binding_count = 1};
  return launches_add(to, &launch, error);
}

const op step_advance_op = {.name = "step_advance", .kernels = ONE_KERNEL("step_advance", forward), .fills = SLOT_ADVANCE, .writes = 1u << 0};
