// adamw.c: the optimiser and the average of the weights, over all parameters in one dispatch.
#include "shaders/adamw.h"

#include <math.h>

#include "graph/kernels/kernel.h"
#include "graph/ops/ops.h"

enum { WEIGHTS, GRADIENTS, FIRST, SECOND, AVERAGE, STATISTICS, STATE, INPUT_COUNT };

typedef struct adamw_attributes {
  float beta1, beta2;
  int32_t batches;
} adamw_attributes;

// Updates weights, moments and average in place by what train_control left in `state`.
bool adamw(graph *graph, const adamw_desc *desc) {
  tensor *inputs[] = {[WEIGHTS] = desc->weights, [GRADIENTS] = desc->gradients, [FIRST] = desc->first,
                      [SECOND] = desc->second,   [AVERAGE] = desc->average,     [STATISTICS] = desc->statistics,
                      [STATE] = desc->state};
  const adamw_attributes attributes = {desc->beta1, desc->beta2, desc->batches};
  return graph_append(graph, &adamw_op, inputs, INPUT_COUNT, 1u << STATISTICS, &attributes, sizeof attributes);
}

static mote_status forward(const node *node, launches *to, mote_error *error) {
  const adamw_attributes *attributes = (const void *)node->attributes;
  tensor *const *in = node->inputs;
  struct adamw_parameters push = {.learned_quads = (uint)(tensor_bytes(in[GRADIENTS]) / 16),
                                  .quads = (uint)(tensor_bytes(in[WEIGHTS]) / 16),
                                  .beta1 = attributes->beta1,
                                  .beta2 = attributes->beta2,
                                  .epsilon = 1e-8f,
                                  .share = 1 / (float)attributes->batches,
                                  // As far as if each batch had moved them a tenth of the way.
                                  .momentum = (float)(1 - pow(0.9, attributes->batches))};
  launch launch = {.shader = "adamw",
               .bindings = {in[WEIGHTS], in[GRADIENTS], in[FIRST], in[SECOND], in[AVERAGE],
                            in[STATISTICS] ? in[STATISTICS] : in[GRADIENTS], in[STATE]},
               .binding_count = INPUT_COUNT,
               .push = &push,
               .push_bytes = sizeof push};
  spread(push.quads, PLAIN_LOCAL_SIZE, launch.groups);
  return launches_add(to, &launch, error);
}

const op adamw_op = {
    .name = "adamw", .kernels = ONE_KERNEL("adamw", forward), .writes = 1u << WEIGHTS | 1u << FIRST | 1u << SECOND | 1u << AVERAGE};
