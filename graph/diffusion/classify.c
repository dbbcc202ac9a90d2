// classify.c: one pass through a classifier.
#include "graph/compile/program.h"
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
  classifier_outputs outputs = sprite_classifier(graph, info, images, false);
  if (outputs.logits) outputs.logits->keep = outputs.features->keep = true;
  mote_status status = model_bind(model, graph, error);
  program *program = NULL;
  if (status)
    graph_destroy(&graph);
  else
    status = program_create(&(program_desc){.device = model->device, .graph = graph, .name = "classifier"}, &program,
                            error);
  if (!status) status = program_write(program, images, x, error);
  if (!status) status = program_run(program, PHASE_ONCE, 1, error);
  if (!status) status = program_run(program, PHASE_STEP, 1, error);
  if (!status) status = program_read(program, outputs.logits, logits, error);
  if (!status && features) status = program_read(program, outputs.features, features, error);
  program_destroy(&program);
  return status;
}
