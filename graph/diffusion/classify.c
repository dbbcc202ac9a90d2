// classify.c: one pass through a classifier.
#include "graph/diffusion/run_once.h"
#include "graph/nets/model.h"
#include "graph/nets/sprite_classifier.h"

mote_status mote_model_classify(mote_model *model, int batch, const float *x, float *logits, float *features,
                                mote_error *error) {
  ENTER(error, model, x, logits);
  const mote_model_info *info = &model->info;
  TRY(model_check(model, SPRITE_CLASSIFIER, error));
  TRY(batch_check(batch, error));
  graph *graph = graph_create(device_get_caps(model->device));
  if (!graph) return fail(error, MOTE_ERROR_MEMORY, "out of memory");
  tensor *images = graph_input(graph, "x", (shape){batch, info->channels, info->height, info->height}, LAYOUT_C8);
  const classifier_outputs outputs = sprite_classifier(graph, info, images, false);
  return run_once(&(run_once_desc){.device = model->device,
                                   .name = "classifier",
                                   .graph = graph,
                                   .parameters = &model->parameters,
                                   .weights = model->buffer,
                                   .inputs = {{images, x}},
                                   .outputs = {{outputs.logits, logits}, {outputs.features, features}}},
                  error);
}
