// model_backward.c: loss and gradients of one given batch, for comparison with other implementations.
#include <stdlib.h>

#include "graph/compile/passes.h"
#include "graph/diffusion/run_once.h"
#include "graph/diffusion/schedule.h"
#include "graph/nets/model.h"
#include "graph/nets/network.h"
#include "graph/nets/parameters_write.h"
#include "graph/ops/ops.h"

typedef struct backward_run {
  const mote_model *model;
  const mote_backward_desc *desc;
  buffer *gradients;  // and statistics, in the layout of the parameters
  network_inputs inputs;
  tensor *target, *weight, *loss;
  float *x, *targets;
  float time[MOTE_BATCH_MAX], ones[MOTE_BATCH_MAX];
} backward_run;

static graph *build(backward_run *run) {
  const mote_model_info *info = &run->model->info;
  int batch = run->desc->batch;
  graph *graph = graph_create(device_get_caps(run->model->device));
  if (!graph) return NULL;
  graph->train = true;
  run->inputs = network_make_inputs(graph, info, batch, true);
  run->target = graph_input(graph, "target", network_output_shape(info, batch), ROLE_ACTIVATION);
  run->weight = graph_input(graph, "weight", (shape){batch, 1, 1, 1}, ROLE_ACTIVATION);
  tensor *y = network_build(graph, info, &run->inputs).y, *dy = NULL;
  run->loss = mse(graph, y, run->target, run->weight, 1, &dy);
  graph_note_loss(graph, y, dy);
  if (passes_differentiate(graph, PASS_ALL, &graph->error)) graph->status = graph->error.status;
  return graph;
}

// What the network sees of the batch, and what it should make of it.
static mote_status make_batch(backward_run *run, mote_error *error) {
  const mote_model_info *info = &run->model->info;
  const mote_backward_desc *desc = run->desc;
  size_t each = network_image_size(info), count = each * (size_t)desc->batch;
  for (int i = 0; i < desc->batch; i++)
    run->time[i] = schedule_time(info, network_timestep(info, desc->steps[i])), run->ones[i] = 1;
  if (desc->x) return MOTE_OK;
  noising *noisings = malloc(((size_t)info->timesteps + 1) * sizeof *noisings);
  run->x = malloc(count * sizeof *run->x);
  run->targets = malloc(count * sizeof *run->targets);
  if (!noisings || !run->x || !run->targets) {
    free(noisings);
    return fail(error, MOTE_ERROR_MEMORY, "out of memory");
  }
  schedule_noisings(info, noisings);
  for (size_t i = 0; i < count; i++) {
    const noising level = noisings[network_timestep(info, desc->steps[i / each])];
    const noised made = schedule_noise(info->prediction, level, desc->x0[i], desc->noise[i]);
    run->x[i] = (float)made.x;
    run->targets[i] = (float)made.target;
  }
  free(noisings);
  return MOTE_OK;
}

static mote_status make_gradients(backward_run *run, mote_error *error) {
  const size_t bytes = run->model->parameters.bytes;
  void *zeros = calloc(1, bytes);
  mote_status status = zeros ? MOTE_OK : fail(error, MOTE_ERROR_MEMORY, "out of memory");
  if (!status) status = buffer_create(run->model->device, bytes, "gradients", &run->gradients, error);
  if (!status) status = buffer_upload(run->gradients, 0, zeros, bytes, error);
  free(zeros);
  return status;
}

// Behind the gradients stand the batch's statistics: the running ones, moved by a tenth towards these, take their place.
static mote_status move_statistics(const backward_run *run, mote_error *error) {
  const parameters *parameters = &run->model->parameters;
  const size_t first = parameters->learned_bytes, bytes = parameters->bytes - first, count = bytes / sizeof(float);
  if (!count) return MOTE_OK;
  float *statistics = malloc(2 * bytes), *running = statistics + count;
  mote_status status = statistics ? MOTE_OK : fail(error, MOTE_ERROR_MEMORY, "out of memory");
  if (!status) status = buffer_download(run->gradients, first, statistics, bytes, error);
  if (!status) status = buffer_download(run->model->buffer, first, running, bytes, error);
  for (size_t i = 0; i < count && !status; i++) running[i] += 0.1f * (statistics[i] - running[i]);
  if (!status) status = buffer_upload(run->gradients, first, running, bytes, error);
  free(statistics);
  return status;
}

static mote_status differentiate(backward_run *run, double *loss, mote_error *error) {
  const mote_backward_desc *desc = run->desc;
  float sum[4] = {0};
  graph *graph = build(run);
  TRY(run_once(&(run_once_desc){.device = run->model->device,
                                .name = "backward",
                                .graph = graph,
                                .parameters = &run->model->parameters,
                                .weights = run->model->buffer,
                                .gradients = run->gradients,
                                .inputs = {{run->inputs.x, desc->x ? desc->x : run->x},
                                           {run->target, desc->x ? desc->target : run->targets},
                                           {run->inputs.time, run->time},
                                           {run->inputs.context, desc->context},
                                           {run->weight, run->ones}},
                                .outputs = {{run->loss, sum}}},
               error));
  *loss = (double)sum[0];
  return MOTE_OK;
}

static mote_status check_arrays(const mote_model_info *info, const mote_backward_desc *desc, mote_error *error) {
  const bool noises = desc->x0 && desc->noise && !desc->x && !desc->target;
  if (!noises && (desc->x0 || desc->noise || !desc->x || !desc->target))
    return fail(error, MOTE_ERROR_USAGE, "expected x0 and noise, or x and target, and nothing of the other two");
  if (!noises || network_output_size(info) == network_image_size(info)) return MOTE_OK;
  return fail(error, MOTE_ERROR_USAGE, "found x0 and noise with a model that makes %d channels of %d, expected x and target",
              info->out_channels, info->channels);
}

mote_status mote_model_backward(mote_model *model, const mote_backward_desc *desc, const char *path, double *loss,
                                mote_error *error) {
  ENTER(error, model, desc, path, loss);
  ENTER(error, desc->steps);
  TRY(model_check(model, false, error));
  TRY(check_arrays(&model->info, desc, error));
  TRY(batch_check(desc->batch, error));
  TRY(timesteps_check(&model->info, desc->steps, desc->batch, error));
  backward_run run = {.model = model, .desc = desc};
  mote_status status = make_batch(&run, error);
  if (!status) status = make_gradients(&run, error);
  if (!status) status = differentiate(&run, loss, error);
  if (!status) status = move_statistics(&run, error);
  // Gradients of what is learned, new values of what is not.
  if (!status)
    status = parameters_write(&(parameters_write_desc){.parameters = &model->parameters,
                                                       .learned = run.gradients,
                                                       .others = run.gradients,
                                                       .dtype = SAFETENSORS_F32},
                              path, error);
  free(run.x);
  free(run.targets);
  buffer_destroy(&run.gradients);
  return status;
}
