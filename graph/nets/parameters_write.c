// parameters_write.c: all parameters of a network as one safetensors file.
#include "graph/nets/parameters_write.h"

#include <stdlib.h>

static mote_status read_tensor(const parameters_write_desc *desc, const tensor *tensor, safetensors_tensor *out,
                               mote_error *error) {
  float *rows = malloc(tensor_elements(tensor) * sizeof *rows);
  if (!rows) return fail(error, MOTE_ERROR_MEMORY, "out of memory");
  *out = (safetensors_tensor){.name = tensor->name, .dtype = desc->dtype, .data = rows};
  out->dim_count = parameter_dims(tensor, out->dims);
  TRY(parameters_read(tensor->requires_grad ? desc->learned : desc->others, tensor, rows, error));
  return desc->checked ? parameter_check(desc->checked, tensor, rows, error) : MOTE_OK;
}

mote_status parameters_write(const parameters_write_desc *desc, const char *path, mote_error *error) {
  const graph *list = desc->parameters->list;
  const metadata_pairs *metadata = desc->metadata;
  size_t count = 0;
  safetensors_tensor *tensors = calloc((size_t)list->tensor_count + 1, sizeof *tensors);
  mote_status status = tensors ? MOTE_OK : fail(error, MOTE_ERROR_MEMORY, "out of memory");
  for (int i = 0; i < list->tensor_count && !status; i++)
    if (list->tensors[i]->kind == TENSOR_PARAMETER) status = read_tensor(desc, list->tensors[i], &tensors[count++], error);
  if (!status)
    status = safetensors_write(path, tensors, count, metadata ? metadata->pairs : NULL, metadata ? metadata->count : 0, error);
  for (size_t i = 0; i < count; i++) free((void *)(uintptr_t)tensors[i].data);
  free(tensors);
  return status;
}
