// forward.c: one pass through the network, outside of any sampler.
#include <stdlib.h>

#include "graph/compile/program.h"
#include "graph/nets/context_unet.h"
#include "graph/nets/model.h"

static mote_status write_inputs(program *program, const context_unet_inputs *inputs, const mote_model *model,
                                const mote_forward_desc *desc, mote_error *error) {
  int batch = desc->batch, context_count = batch * model->info.n_cfeat;
  float *numbers = calloc((size_t)(context_count > batch ? context_count : batch), sizeof *numbers);
  if (!numbers) return fail(error, MOTE_ERROR_MEMORY, "out of memory");
  mote_status status = program_write(program, inputs->x, desc->x, error);
  if (!status) status = program_write(program, inputs->context, desc->context ? desc->context : numbers, error);
  for (int i = 0; i < batch; i++) numbers[i] = (float)((double)desc->steps[i] / model->info.timesteps);
  if (!status) status = program_write(program, inputs->time, numbers, error);
  free(numbers);
  return status;
}

mote_status mote_model_forward(mote_model *model, const mote_forward_desc *desc, float *output, mote_error *error) {
  ENTER(error, model, desc, output);
  ENTER(error, desc->x, desc->steps);
  const mote_model_info *info = &model->info;
  TRY(model_check(model, CONTEXT_UNET, error));
  TRY(batch_check(desc->batch, error));
  TRY(timesteps_check(info, desc->steps, desc->batch, error));
  graph *graph = graph_create(device_get_caps(model->device));
  if (!graph) return fail(error, MOTE_ERROR_MEMORY, "out of memory");
  const context_unet_inputs inputs = {
      .x = graph_input(graph, "x", (shape){desc->batch, info->channels, info->height, info->height}, LAYOUT_C8),
      .time = graph_input(graph, "time", (shape){desc->batch, 1, 1, 1}, LAYOUT_C8),
      .context = graph_input(graph, "context", (shape){desc->batch, info->n_cfeat, 1, 1}, LAYOUT_C8),
      .train = desc->train};
  tensor *y = context_unet(graph, info, &inputs);
  if (y) y->keep = true;
  mote_status status = model_bind(model, graph, error);
  program *program = NULL;
  if (status)
    graph_destroy(&graph);
  else
    status = program_create(&(program_desc){.device = model->device, .graph = graph, .name = "forward"}, &program,
                            error);
  if (!status) status = write_inputs(program, &inputs, model, desc, error);
  if (!status) status = program_run(program, PHASE_ONCE, 1, error);
  if (!status) status = program_run(program, PHASE_STEP, 1, error);
  if (!status) status = program_read(program, y, output, error);
  program_destroy(&program);
  return status;
}
