// model_backward.c: loss and gradients of one given batch, for comparison with other implementations.
#include <stdlib.h>
#include <string.h>

#include "graph/compile/program.h"
#include "graph/diffusion/schedule.h"
#include "graph/nets/context_unet.h"
#include "graph/nets/model.h"
#include "graph/ops/ops.h"

typedef struct backward_run {
  const mote_model *model;
  const mote_backward_desc *desc;
  buffer *weights, *gradients;  // weights: a copy, whose running statistics move
  program *program;
  context_unet_inputs inputs;
  tensor *target, *weight, *loss;
} backward_run;

static graph *build(backward_run *run) {
  const mote_model_info *info = &run->model->info;
  int batch = run->desc->batch;
  graph *graph = graph_create(device_get_caps(run->model->device));
  if (!graph) return NULL;
  graph->train = true;
  shape image = {batch, info->channels, info->height, info->height};
  run->inputs = (context_unet_inputs){
      .x = graph_input(graph, "x", image, LAYOUT_C8),
      .time = graph_input(graph, "time", (shape){batch, 1, 1, 1}, LAYOUT_C8),
      .context = graph_input(graph, "context", (shape){batch, info->n_cfeat, 1, 1}, LAYOUT_C8),
      .train = true};
  run->target = graph_input(graph, "target", image, LAYOUT_C8);
  run->weight = graph_input(graph, "weight", (shape){batch, 1, 1, 1}, LAYOUT_C8);
  tensor *y = context_unet(graph, info, &run->inputs), *dy = NULL;
  run->loss = mse(graph, y, run->target, run->weight, 1, &dy);
  if (run->loss) run->loss->keep = true;
  if (fuse(graph, FUSE_FORWARD, &graph->error)) graph->status = graph->error.status;
  graph_backward(graph, y, dy);
  return graph;
}

// x_t = √ᾱ·x_0 + √(1-ᾱ)·ε and what the model should make of it.
static mote_status write_batch(const backward_run *run, mote_error *error) {
  const mote_model_info *info = &run->model->info;
  const mote_backward_desc *desc = run->desc;
  size_t each = (size_t)(info->channels * info->height * info->height), count = each * (size_t)desc->batch;
  size_t contexts = (size_t)desc->batch * (size_t)info->n_cfeat;
  float *x = malloc(count * sizeof *x), *target = malloc(count * sizeof *target);
  float *time = calloc((size_t)desc->batch, sizeof *time), *none = calloc(contexts, sizeof *none);
  double *alpha_bar = malloc(((size_t)info->timesteps + 1) * sizeof *alpha_bar);
  mote_status status =
      x && target && time && none && alpha_bar ? MOTE_OK : fail(error, MOTE_ERROR_MEMORY, "out of memory");
  if (!status) schedule_alpha_bar(info, alpha_bar);
  for (size_t i = 0; i < count && !status; i++) {
    const noised made = schedule_noise(info->prediction, alpha_bar[desc->steps[i / each]], desc->x0[i], desc->noise[i]);
    x[i] = (float)made.x;
    target[i] = (float)made.target;
  }
  for (int i = 0; i < desc->batch && !status; i++) time[i] = (float)((double)desc->steps[i] / info->timesteps);
  if (!status) status = program_write(run->program, run->inputs.x, x, error);
  if (!status) status = program_write(run->program, run->target, target, error);
  if (!status) status = program_write(run->program, run->inputs.time, time, error);
  if (!status)
    status = program_write(run->program, run->inputs.context, desc->context ? desc->context : none, error);
  for (int i = 0; i < desc->batch && !status; i++) time[i] = 1;
  if (!status) status = program_write(run->program, run->weight, time, error);
  free(x);
  free(target);
  free(time);
  free(none);
  free(alpha_bar);
  return status;
}

static mote_status copy_weights(backward_run *run, mote_error *error) {
  const parameters *parameters = &run->model->parameters;
  void *bytes = calloc(1, parameters->bytes), *zeros = calloc(1, parameters->bytes);
  mote_status status = bytes && zeros ? MOTE_OK : fail(error, MOTE_ERROR_MEMORY, "out of memory");
  mote_device *device = run->model->device;
  if (!status) status = buffer_create(device, parameters->bytes, "weights", &run->weights, error);
  if (!status) status = buffer_create(device, parameters->bytes, "gradients", &run->gradients, error);
  if (!status) status = buffer_download(run->model->buffer, 0, bytes, parameters->bytes, error);
  if (!status) status = buffer_upload(run->weights, 0, bytes, parameters->bytes, error);
  if (!status) status = buffer_upload(run->gradients, 0, zeros, parameters->bytes, error);
  free(bytes);
  free(zeros);
  return status;
}

// Gradients of what is learned, new values of what is not.
static mote_status write_file(const backward_run *run, const char *path, mote_error *error) {
  const graph *list = run->model->parameters.list;
  size_t count = 0;
  safetensors_tensor *tensors = calloc((size_t)list->tensor_count + 1, sizeof *tensors);
  if (!tensors) return fail(error, MOTE_ERROR_MEMORY, "out of memory");
  mote_status status = MOTE_OK;
  for (int i = 0; i < list->tensor_count && !status; i++) {
    const tensor *tensor = list->tensors[i];
    if (tensor->kind != TENSOR_PARAMETER) continue;
    float *rows = malloc(tensor_elements(tensor) * sizeof *rows);
    if (!rows) {
      status = fail(error, MOTE_ERROR_MEMORY, "out of memory");
      break;
    }
    safetensors_tensor *entry = &tensors[count++];
    *entry = (safetensors_tensor){.name = tensor->name, .dtype = SAFETENSORS_F32, .data = rows};
    entry->dim_count = parameter_dims(tensor, entry->dims);
    status = parameters_read(tensor->requires_grad ? run->gradients : run->weights, tensor, rows, error);
  }
  if (!status) status = safetensors_write(path, tensors, count, NULL, 0, error);
  for (size_t i = 0; i < count; i++) free((void *)(uintptr_t)tensors[i].data);
  free(tensors);
  return status;
}

static mote_status check(const mote_model_info *info, const mote_backward_desc *desc, mote_error *error) {
  TRY(batch_check(desc->batch, error));
  return timesteps_check(info, desc->steps, desc->batch, error);
}

mote_status mote_model_backward(mote_model *model, const mote_backward_desc *desc, const char *path, double *loss,
                                mote_error *error) {
  ENTER(error, model, desc, path, loss);
  ENTER(error, desc->x0, desc->noise, desc->steps);
  TRY(model_check(model, CONTEXT_UNET, error));
  TRY(check(&model->info, desc, error));
  backward_run run = {.model = model, .desc = desc};
  graph *graph = build(&run);
  mote_status status = graph ? copy_weights(&run, error) : fail(error, MOTE_ERROR_MEMORY, "out of memory");
  if (!status) status = parameters_bind(&model->parameters, run.weights, run.gradients, graph, error);
  if (status)
    graph_destroy(&graph);
  else
    status = program_create(&(program_desc){.device = model->device, .graph = graph, .name = "backward"},
                            &run.program, error);
  if (!status) status = write_batch(&run, error);
  if (!status) status = program_run(run.program, PHASE_STEP, 1, error);
  float value[4] = {0};
  if (!status) status = program_read(run.program, run.loss, value, error);
  if (!status && path) status = write_file(&run, path, error);
  if (!status) *loss = (double)value[0];
  program_destroy(&run.program);
  buffer_destroy(&run.weights);
  buffer_destroy(&run.gradients);
  return status;
}
