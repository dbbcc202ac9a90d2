// classify.c: one pass through a classifier.
#include "graph/diffusion/run_once.h"
#include "graph/nets/model.h"
#include "graph/nets/network.h"

mote_status mote_model_classify(mote_model *model, int batch, const float *x, float *logits, float *features,
                                mote_error *error) {
  ENTER(error, model, x, logits);
  const mote_model_info *info = &model->info;
  TRY(model_check(model, true, error));
  TRY(batch_check(batch, error));
  graph *graph = graph_create(device_get_caps(model->device));
  if (!graph) return fail(error, MOTE_ERROR_MEMORY, "out of memory");
  const network_inputs inputs = network_make_inputs(graph, info, batch, false);
  const network_outputs outputs = network_build(graph, info, &inputs);
  return run_once(&(run_once_desc){.device = model->device,
                                   .name = "classifier",
                                   .graph = graph,
                                   .parameters = &model->parameters,
                                   .weights = model->buffer,
                                   .inputs = {{inputs.x, x}},
                                   .outputs = {{outputs.y, logits}, {outputs.features, features}}},
                  error);
}
