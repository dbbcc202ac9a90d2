// parameters.c: lays out the parameters of a network and binds graphs to them.
#include "graph/nets/parameters.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "graph/ir/layout.h"
#include "graph/nets/network.h"

// The network for one image, on no device.
static graph *describe(mote_model_info *info) {
  graph *graph = graph_create(NULL);
  if (!graph) return NULL;
  const network_inputs inputs = network_make_inputs(graph, info, 1, false);
  const network_outputs outputs = network_build(graph, info, &inputs);
  info->classifies = network_of(info)->classifies;
  info->counts_from_0 = network_of(info)->counts_from_0;
  if (outputs.y && !info->classifies) info->out_channels = outputs.y->shape.c;
  info->feature_count = outputs.features ? outputs.features->shape.c : 0;
  return graph;
}

// Learned ones or statistics, one after the other from *bytes on.
static void place(const graph *list, bool learned, size_t alignment, size_t *bytes) {
  for (int i = 0; i < list->tensor_count; i++) {
    tensor *tensor = list->tensors[i];
    if (tensor->kind != TENSOR_PARAMETER || tensor->requires_grad != learned) continue;
    tensor->home = (binding){NULL, *bytes, (tensor_bytes(tensor) + 15) / 16 * 16};
    *bytes += (tensor->home.bytes + alignment - 1) / alignment * alignment;
  }
}

mote_status parameters_create(const mote_device *device, mote_model_info *info, parameters *out, mote_error *error) {
  *out = (parameters){.list = describe(info)};
  if (!out->list) return fail(error, MOTE_ERROR_MEMORY, "out of memory");
  if (out->list->status) return fail(error, out->list->status, "%s", out->list->error.message);
  size_t alignment = device_get_caps(device)->alignment;
  place(out->list, true, alignment, &out->bytes);
  out->learned_bytes = out->bytes;
  place(out->list, false, alignment, &out->bytes);
  info->parameter_count = 0;
  for (int i = 0; i < out->list->tensor_count; i++) {
    const tensor *tensor = out->list->tensors[i];
    if (tensor->kind == TENSOR_PARAMETER && tensor->requires_grad) info->parameter_count += tensor_elements(tensor);
  }
  info->multiply_adds = (uint64_t)graph_multiply_adds(out->list, STAGE_STEP);
  return MOTE_OK;
}

void parameters_destroy(parameters *parameters) { graph_destroy(&parameters->list); }

// `name` as the network that `parameters` lists calls it.
static mote_status bind_tensor(const parameters *parameters, const char *name, buffer *to, tensor *tensor,
                               mote_error *error) {
  const struct tensor *home = graph_find(parameters->list, name);
  if (!home || !shape_equal(home->shape, tensor->shape))
    return fail(error, MOTE_ERROR_USAGE, "the model has no parameter %s of shape %s", name,
                shape_format(tensor->shape).text);
  tensor->home = home->home;
  tensor->home.buffer = to;
  return MOTE_OK;
}

mote_status parameters_bind(const parameters *parameters, buffer *weights, buffer *gradients, graph *graph,
                            mote_error *error) {
  for (int i = 0; i < graph->tensor_count; i++) {
    tensor *tensor = graph->tensors[i];
    bool is_gradient = tensor->kind == TENSOR_GRADIENT;
    if ((tensor->kind != TENSOR_PARAMETER && !is_gradient) || tensor->home.bytes) continue;
    const char *name = is_gradient ? tensor->gradient_of->name : tensor->name;
    if (is_gradient && weights && !gradients)
      return fail(error, MOTE_ERROR_USAGE, "there is no place for the gradient of %s", name);
    TRY(bind_tensor(parameters, name, is_gradient ? gradients : weights, tensor, error));
  }
  return MOTE_OK;
}

mote_status parameters_bind_prefixed(const parameters *parameters, const char *prefix, buffer *weights, graph *graph,
                                     mote_error *error) {
  size_t length = strlen(prefix);
  for (int i = 0; i < graph->tensor_count; i++) {
    tensor *tensor = graph->tensors[i];
    if (tensor->kind == TENSOR_PARAMETER && !strncmp(tensor->name, prefix, length))
      TRY(bind_tensor(parameters, tensor->name + length, weights, tensor, error));
  }
  return MOTE_OK;
}

mote_status parameters_read(buffer *from, const tensor *tensor, float *rows, mote_error *error) {
  float *packed = malloc(tensor_bytes(tensor));
  if (!packed) return fail(error, MOTE_ERROR_MEMORY, "out of memory");
  mote_status status = buffer_download(from, tensor->home.offset, packed, tensor_bytes(tensor), error);
  if (!status) layout_unpack(tensor, packed, rows);
  free(packed);
  return status;
}

mote_status parameter_check(const char *where, const tensor *tensor, const float *rows, mote_error *error) {
  const bool variance = tensor->parameter.role == PARAMETER_VARIANCE;
  const size_t count = tensor_elements(tensor);
  for (size_t i = 0; i < count; i++) {
    if (!isfinite(rows[i]))
      return fail(error, MOTE_ERROR_FORMAT, "%s: tensor %s is not finite: number %zu is %g", where, tensor->name, i,
                  (double)rows[i]);
    if (variance && rows[i] < 0)
      return fail(error, MOTE_ERROR_FORMAT, "%s: tensor %s: number %zu is %g, expected a variance of 0 or more", where,
                  tensor->name, i, (double)rows[i]);
  }
  return MOTE_OK;
}

int parameter_dims(const tensor *tensor, uint64_t dims[4]) {
  for (int i = 0; i < tensor->parameter.dim_count; i++) dims[i] = (uint64_t)tensor->parameter.dims[i];
  return tensor->parameter.dim_count;
}
