// initial_weights.c: fresh weights.
#include "graph/nets/initial_weights.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "graph/ir/layout.h"
#include "graph/ir/philox.h"
#include "shaders/streams.h"

static bool ends_with(const char *text, const char *end) {
  size_t length = strlen(text), end_length = strlen(end);
  return length >= end_length && strcmp(text + length - end_length, end) == 0;
}

// The weight that a bias stands beside, "x.bias" → "x.weight".
static const tensor *weight_of(const parameters *parameters, const tensor *bias) {
  char name[NAME_BYTES + 8];
  size_t length = strlen(bias->name) - strlen("bias");
  memcpy(name, bias->name, length);
  memcpy(name + length, "weight", sizeof "weight");
  return graph_find(parameters->list, name);
}

// Convolutions and linear layers are uniform in ±1/√fan_in, their biases too (PyTorch's kaiming_uniform_ with a = √5);
// fan_in is dimension 1 times the kernel, also for transposed convolutions. Norms begin with ones and zeros.
static double bound_of(const tensor *weight) {
  return 1 / sqrt((double)weight->shape.c * weight->shape.h * weight->shape.w);
}

mote_status parameters_draw(const parameters *parameters, uint64_t seed, float *packed, mote_error *error) {
  const graph *list = parameters->list;
  memset(packed, 0, parameters->bytes);
  float *rows = malloc(parameters->bytes);
  if (!rows) return fail(error, MOTE_ERROR_MEMORY, "out of memory");
  for (int i = 0; i < list->tensor_count; i++) {
    const tensor *tensor = list->tensors[i];
    if (tensor->kind != TENSOR_PARAMETER) continue;
    const struct tensor *weight = ends_with(tensor->name, ".bias") ? weight_of(parameters, tensor) : tensor;
    bool drawn = tensor->requires_grad && weight && weight->layout != LAYOUT_C8;
    bool ones = ends_with(tensor->name, ".weight") || ends_with(tensor->name, ".running_var");
    double bound = drawn ? bound_of(weight) : 0;
    for (size_t k = 0; k < tensor_elements(tensor); k++) {
      const philox_block counter = {{(uint32_t)k, (uint32_t)tensor->index, 0, STREAM_TRAIN_WEIGHTS}};
      rows[k] = drawn ? (float)(bound * philox_uniform(counter, seed)) : ones ? 1 : 0;
    }
    layout_pack(tensor, rows, packed + tensor->home.offset / 4);
  }
  free(rows);
  return MOTE_OK;
}
