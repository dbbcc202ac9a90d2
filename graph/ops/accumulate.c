// accumulate.c: gradients of the batches of a step, added up pair by pair.
#include "shaders/accumulate.h"

#include "graph/kernels/kernel.h"
#include "graph/ops/ops.h"

enum { STATE, EXCHANGE, LEVELS, INPUT_COUNT = LEVELS + TRAIN_LEVELS };

int accumulate_level_count(int batches) {
  int count = 0;
  while (1 << count < batches) count++;
  return count;
}

// Takes what the exchange holds of one batch more of a step's; after the last of these it holds their sum.
bool accumulate(graph *graph, const accumulate_desc *desc) {
  tensor *inputs[INPUT_COUNT] = {[STATE] = desc->state, [EXCHANGE] = desc->exchange};
  const int levels = accumulate_level_count(desc->batches);
  if (levels < 1 || levels > TRAIN_LEVELS)
    return graph_fail(graph, "accumulate: %d batches, expected 2 to %d", desc->batches, 1 << TRAIN_LEVELS);
  for (int i = 0; i < levels; i++) inputs[LEVELS + i] = desc->levels[i];
  const unsigned absent = ((1u << TRAIN_LEVELS) - 1) >> levels << (LEVELS + levels);
  node *node = graph_append(graph, &accumulate_op, inputs, INPUT_COUNT, absent, &desc->batches, sizeof desc->batches);
  if (!node) return false;
  node->writes &= ~absent;
  return true;
}

static mote_status forward(const node *node, launches *to, mote_error *error) {
  tensor *const *in = node->inputs;
  const struct accumulate_parameters push = {.quads = (uint)(tensor_bytes(in[EXCHANGE]) / 16),
                                             .batches = (uint)*(const int *)(const void *)node->attributes};
  launch launch = {.shader = "accumulate", .binding_count = INPUT_COUNT, .push = &push, .push_bytes = sizeof push};
  for (int i = 0; i < INPUT_COUNT; i++) launch.bindings[i] = in[i] ? in[i] : in[EXCHANGE];  // levels that no batch reaches
  spread(push.quads, PLAIN_LOCAL_SIZE, launch.groups);
  return launches_add(to, &launch, error);
}

const op accumulate_op = {.name = "accumulate", .kernels = ONE_KERNEL("accumulate", forward), .writes = (1u << INPUT_COUNT) - 1};
