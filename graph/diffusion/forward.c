// forward.c: one pass through the network, outside of any sampler.
#include <stdlib.h>

#include "graph/diffusion/run_once.h"
#include "graph/diffusion/schedule.h"
#include "graph/nets/model.h"
#include "graph/nets/network.h"

mote_status mote_model_forward(mote_model *model, const mote_forward_desc *desc, float *output, mote_error *error) {
  ENTER(error, model, desc, output);
  ENTER(error, desc->x, desc->steps);
  const mote_model_info *info = &model->info;
  TRY(model_check(model, false, error));
  TRY(batch_check(desc->batch, error));
  TRY(timesteps_check(info, desc->steps, desc->batch, error));
  graph *graph = graph_create(device_get_caps(model->device));
  if (!graph) return fail(error, MOTE_ERROR_MEMORY, "out of memory");
  const network_inputs inputs = network_make_inputs(graph, info, desc->batch, desc->train);
  float time[MOTE_BATCH_MAX];
  for (int i = 0; i < desc->batch; i++) time[i] = schedule_time(info, network_timestep(info, desc->steps[i]));
  return run_once(&(run_once_desc){.device = model->device,
                                   .name = "forward",
                                   .graph = graph,
                                   .parameters = &model->parameters,
                                   .weights = model->buffer,
                                   .inputs = {{inputs.x, desc->x}, {inputs.time, time}, {inputs.context, desc->context}},
                                   .outputs = {{network_build(graph, info, &inputs).y, output}}},
                  error);
}
