// classify.c: the objective of a classifier, to tell contexts apart from images as they are, and one pass through one.
#include <math.h>
#include <stdlib.h>

#include "graph/diffusion/objective.h"
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

// ---------------------------------------------------------------------------------------------------------------------
// The objective

static bool serves(const mote_trainer_desc *desc) {
  const network *network = network_of(&desc->model);
  return network && network->classifies;
}

// Images are as they are.
static void complete(mote_trainer_desc *desc) {
  desc->min_snr = desc->context_drop = 0;
  desc->model.steps = 0;
  desc->model.guidance = 0;
}

// One context is told from another.
static mote_status check(const mote_trainer_desc *desc, mote_error *error) {
  const mote_model_info *m = &desc->model;
  if (m->attribute_count < 1 || (m->attribute_count == 1 && !m->attributes[0].is_number)) return MOTE_OK;
  return fail(error, MOTE_ERROR_USAGE, "model: found %d attributes%s, expected one of labels, which is what a %s tells", m->attribute_count,
              m->attribute_count == 1 ? ", which is a number" : "", m->architecture);
}

static int level_count(const mote_trainer_desc *desc) {
  (void)desc;
  return 1;
}

static mote_status fill(mote_trainer *trainer, int *timesteps, mote_error *error) {
  (void)trainer, (void)error;
  timesteps[1] = 0;
  return MOTE_OK;
}

static objective_loss append(mote_trainer *trainer, graph *graph, const draw_batch_tensors *batch, float share) {
  const network_inputs inputs = {.x = batch->x, .time = batch->time, .context = batch->context, .train = true};
  objective_loss made = {.y = network_build(graph, &trainer->info, &inputs).y};
  made.loss = cross_entropy(graph, made.y, batch->context, share, &made.dy);
  return made;
}

// All classes count the same, however many images they have: weights whose mean over the images is 1.
static void weigh(const mote_trainer *trainer, const mote_dataset *data, float *weights) {
  int classes = trainer->info.n_cfeat, present = 0;
  double sums[MOTE_MAX_CONTEXT] = {0};
  for (size_t i = 0; data->context && i < (size_t)data->count * (size_t)classes; i++)
    sums[i % (size_t)classes] += data->context[i];
  for (int k = 0; k < classes; k++) present += sums[k] > 0;
  for (int k = 0; k < classes; k++)
    if (sums[k] > 0) weights[k] = (float)(data->count / (present * sums[k]));
}

static int held_out_timestep(const mote_model_info *model, uint32_t i, uint32_t count) {
  (void)model, (void)i, (void)count;
  return 0;
}

static mote_status judge(const mote_trainer *trainer, mote_model *model, uint32_t first, uint32_t batch, double *sum,
                         mote_error *error) {
  const size_t each = network_image_size(&trainer->info), classes = (size_t)trainer->info.n_cfeat;
  float *logits = malloc(batch * classes * sizeof *logits);
  if (!logits) return fail(error, MOTE_ERROR_MEMORY, "out of memory");
  mote_status status = mote_model_classify(model, (int)batch, trainer->validation.x + first * each, logits, NULL, error);
  for (size_t i = 0; i < batch && !status; i++) {
    const float *of = logits + i * classes, *target = trainer->validation.context + (first + i) * classes;
    double total = 0;
    for (size_t k = 0; k < classes; k++) total += exp((double)of[k] - of[0]);
    for (size_t k = 0; k < classes; k++) *sum += target[k] * (log(total) + of[0] - of[k]);
  }
  free(logits);
  return status;
}

const objective classify_objective = {.name = "classify",
                                      .serves = serves,
                                      .complete = complete,
                                      .check = check,
                                      .level_count = level_count,
                                      .fill = fill,
                                      .append = append,
                                      .weigh = weigh,
                                      .held_out_timestep = held_out_timestep,
                                      .judge = judge};
