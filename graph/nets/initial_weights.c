// initial_weights.c: fresh weights.
#include "graph/nets/initial_weights.h"

#include <stdlib.h>
#include <string.h>

#include "graph/ir/layout.h"
#include "graph/ir/philox.h"
#include "shaders/streams.h"

mote_status parameters_draw(const parameters *parameters, uint64_t seed, float *packed, mote_error *error) {
  const graph *list = parameters->list;
  memset(packed, 0, parameters->bytes);
  float *rows = malloc(parameters->bytes);
  if (!rows) return fail(error, MOTE_ERROR_MEMORY, "out of memory");
  uint32_t place = 0;
  for (int i = 0; i < list->tensor_count; i++) {
    const tensor *tensor = list->tensors[i];
    if (tensor->kind != TENSOR_PARAMETER) continue;
    const parameter_desc *desc = &tensor->parameter;
    for (size_t k = 0; k < tensor_elements(tensor); k++) {
      const philox_block counter = {{(uint32_t)k, place, 0, STREAM_TRAIN_WEIGHTS}};
      rows[k] = (float)(desc->constant + desc->bound * philox_uniform(counter, seed));
    }
    layout_pack(tensor, rows, packed + tensor->home.offset / 4);
    place++;
  }
  free(rows);
  return MOTE_OK;
}
