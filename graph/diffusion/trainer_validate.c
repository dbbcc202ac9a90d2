// trainer_validate.c: the held-out loss, and the averaged weights as a model.
#include <stdlib.h>
#include <string.h>

#include "graph/diffusion/objective.h"
#include "graph/diffusion/schedule.h"
#include "graph/diffusion/trainer.h"
#include "graph/nets/metadata.h"
#include "graph/nets/network.h"

// Image i is judged at one timestep, with noise of its own, the same at every call.
static void noise_image(mote_trainer *trainer, const mote_dataset *data, const noising *noisings, uint32_t i) {
  const mote_model_info *m = &trainer->info;
  size_t at = (size_t)i * network_image_size(m);
  int t = trainer->objective->held_out_timestep(m, i, data->count);
  trainer->validation.steps[i] = t;
  trainer->validation.weight[i] = (float)min_snr_weight(m->prediction, noisings[t], trainer->desc.min_snr);
  schedule_noise_image(m, &(noised_image){.noising = noisings[t],
                                          .pixels = data->pixels + at,
                                          .index = i,
                                          .seed = trainer->desc.seed,
                                          .x = trainer->validation.x + at,
                                          .target = trainer->validation.target + at});
}

mote_status trainer_prepare_validation(mote_trainer *trainer, const mote_dataset *data, mote_error *error) {
  const mote_model_info *m = &trainer->info;
  if (data->count == 0) return MOTE_OK;
  size_t count = data->count, contexts = count * (size_t)network_context_count(m);
  size_t elements = count * network_image_size(m);
  noising *noisings = malloc(((size_t)m->timesteps + 1) * sizeof *noisings);
  trainer->validation.count = data->count;
  trainer->validation.x = malloc(elements * sizeof(float));
  trainer->validation.target = malloc(elements * sizeof(float));
  trainer->validation.context = calloc(contexts, sizeof(float));
  trainer->validation.weight = malloc(count * sizeof(float));
  trainer->validation.steps = malloc(count * sizeof(int32_t));
  if (!noisings || !trainer->validation.x || !trainer->validation.target || !trainer->validation.context ||
      !trainer->validation.weight || !trainer->validation.steps) {
    free(noisings);
    return fail(error, MOTE_ERROR_MEMORY, "out of memory");
  }
  schedule_noisings(m, noisings);
  trainer_copy_contexts(trainer, data, trainer->validation.context);
  for (uint32_t i = 0; i < data->count; i++) noise_image(trainer, data, noisings, i);
  free(noisings);
  return MOTE_OK;
}

mote_status trainer_measure_pass(const mote_trainer *trainer, int batch, program_needs *needs, mote_error *error) {
  graph *graph = graph_create(device_get_caps(trainer->device));
  if (!graph) return fail(error, MOTE_ERROR_MEMORY, "out of memory");
  const network_inputs inputs = network_make_inputs(graph, &trainer->info, batch, false);
  tensor *y = network_build(graph, &trainer->info, &inputs).y;
  if (y) y->keep = true;
  mote_status status = parameters_bind(&trainer->parameters, NULL, NULL, graph, error);
  if (!status) return program_measure(&(program_desc){.device = trainer->device, .graph = graph, .name = "forward"}, needs, error);
  graph_destroy(&graph);
  return status;
}

void trainer_release_validation(mote_trainer *trainer) {
  free(trainer->validation.x);
  free(trainer->validation.target);
  free(trainer->validation.context);
  free(trainer->validation.weight);
  free(trainer->validation.steps);
}

mote_status mote_trainer_get_model(mote_trainer *trainer, mote_model **out, mote_error *error) {
  if (out) *out = NULL;
  ENTER(error, trainer, out);
  size_t bytes = trainer->parameters.bytes;
  if (!trainer->model) {
    mote_model *model = calloc(1, sizeof *model);
    if (!model) return fail(error, MOTE_ERROR_MEMORY, "out of memory");
    model->device = trainer->device;
    model->info = trainer->info;
    model->info.recommended_guidance = metadata_guidance(&model->info);
    mote_status status = parameters_create(trainer->device, &model->info, &model->parameters, error);
    if (!status) status = buffer_create(trainer->device, bytes, "average", &model->buffer, error);
    if (status) {
      mote_model_destroy(&model);
      return status;
    }
    trainer->model = model;
  }
  void *values = malloc(bytes);
  if (!values) return fail(error, MOTE_ERROR_MEMORY, "out of memory");
  mote_status status = buffer_download(trainer->flat[FLAT_AVERAGE], 0, values, bytes, error);
  if (!status) status = buffer_upload(trainer->model->buffer, 0, values, bytes, error);
  trainer->model->version++;
  free(values);
  if (!status) *out = trainer->model;
  return status;
}

mote_status mote_trainer_validate(mote_trainer *trainer, double *loss, mote_error *error) {
  ENTER(error, trainer, loss);
  uint32_t count = trainer->validation.count, most = trainer->validation.at_once;
  if (count == 0) return fail(error, MOTE_ERROR_USAGE, "no images were held out");
  mote_model *model;
  TRY(mote_trainer_get_model(trainer, &model, error));
  double sum = 0;
  for (uint32_t first = 0; first < count; first += most) {
    uint32_t batch = count - first < most ? count - first : most;
    TRY(trainer->objective->judge(trainer, model, first, batch, &sum, error));
  }
  *loss = sum / count;
  return MOTE_OK;
}
