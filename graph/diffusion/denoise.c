// denoise.c: the objective of most models: to tell an image's noise, velocity or the image itself from the noised one (Ho et al.
// 2020; Salimans & Ho 2022).
#include <stdlib.h>

#include "graph/diffusion/objective.h"
#include "graph/nets/network.h"

static bool serves(const mote_trainer_desc *desc) {
  (void)desc;
  return true;
}

static void complete(mote_trainer_desc *desc) { desc->model.steps = 0, desc->model.guidance = 0; }

static int level_count(const mote_trainer_desc *desc) { return desc->model.timesteps; }

static mote_status fill(mote_trainer *trainer, int *timesteps, mote_error *error) {
  (void)error;
  for (int t = 1; t <= trainer->info.timesteps; t++) timesteps[t] = t;
  return MOTE_OK;
}

static objective_loss append(mote_trainer *trainer, graph *graph, const draw_batch_tensors *batch, float share) {
  const network_inputs inputs = {.x = batch->x, .time = batch->time, .context = batch->context, .train = true,
                                 .state = trainer->state, .drawn = batch->index};
  objective_loss made = {.y = network_build(graph, &trainer->info, &inputs).y};
  made.loss = mse(graph, made.y, batch->target, batch->weight, share, &made.dy);
  return made;
}

// Spread evenly over 1 … T.
static int held_out_timestep(const mote_model_info *model, uint32_t i, uint32_t count) {
  return 1 + (int)(((uint64_t)i * 2 + 1) * (uint64_t)model->timesteps / (2 * count)) % model->timesteps;
}

static mote_status judge(const mote_trainer *trainer, mote_model *model, uint32_t first, uint32_t batch, double *sum,
                         mote_error *error) {
  const size_t each = network_image_size(&trainer->info);
  float *output = malloc(batch * each * sizeof *output);
  int32_t steps[MOTE_BATCH_MAX];
  for (uint32_t i = 0; i < batch; i++) steps[i] = trainer->validation.steps[first + i] - network_timestep(&trainer->info, 0);
  if (!output) return fail(error, MOTE_ERROR_MEMORY, "out of memory");
  const mote_forward_desc forward = {
      .batch = (int)batch,
      .x = trainer->validation.x + first * each,
      .steps = steps,
      .context = trainer->validation.context + (size_t)first * (size_t)network_context_count(&trainer->info)};
  mote_status status = mote_model_forward(model, &forward, output, error);
  for (size_t i = 0; i < batch * each && !status; i++) {
    double d = output[i] - trainer->validation.target[first * each + i];
    *sum += trainer->validation.weight[first + i / each] * d * d / (double)each;
  }
  free(output);
  return status;
}

const objective denoise_objective = {.name = "denoise",
                                     .serves = serves,
                                     .complete = complete,
                                     .level_count = level_count,
                                     .fill = fill,
                                     .append = append,
                                     .held_out_timestep = held_out_timestep,
                                     .judge = judge};
