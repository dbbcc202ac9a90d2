// distill.c: two steps of a teacher as one node list, and their coefficients.
#include "graph/diffusion/distill.h"

#include <stdlib.h>

#include "graph/diffusion/schedule.h"
#include "graph/nets/network.h"

// What the teacher predicts, under the context and, where it is guided, without.
typedef struct prediction {
  tensor *with, *without;
} prediction;

static prediction ask_teacher(graph *graph, const distill_desc *desc, const draw_batch_tensors *batch, tensor *x,
                              tensor *time) {
  const mote_model_info *info = &desc->teacher->info;
  prediction made = {0};
  bool frozen = graph->frozen;
  graph->frozen = true;
  graph_push(graph, "teacher");
  made.with = network_build(graph, info, &(network_inputs){.x = x, .time = time, .context = batch->context}).y;
  if (desc->none)
    made.without = network_build(graph, info, &(network_inputs){.x = x, .time = time, .context = desc->none}).y;
  graph_pop(graph);
  graph->frozen = frozen;
  return made;
}

tensor *distill_target(graph *graph, const distill_desc *desc, const draw_batch_tensors *batch) {
  tensor *leaps = desc->leaps, *row = batch->row;
  if (!batch->x || !leaps || !desc->ones) return NULL;
  prediction first = ask_teacher(graph, desc, batch, batch->x, batch->time);
  graph_push(graph, "distill");
  tensor *half = blend(graph, &(blend_desc){leaps, row, LEAP_HALF, {batch->x, first.with, first.without}});
  tensor *time = blend(graph, &(blend_desc){leaps, row, LEAP_TIME, {desc->ones}});
  graph_pop(graph);
  prediction second = ask_teacher(graph, desc, batch, half, time);
  graph_push(graph, "distill");
  tensor *target =
      blend(graph, &(blend_desc){leaps, row, LEAP_TARGET, {half, batch->x, second.with, second.without}});
  graph_pop(graph);
  return target;
}

// Row of the student's step `own`, from it and the teacher's two: x_s = a·x + b·m*, solved for m*.
static void fill_leap(const distill_desc *desc, const sampler_row *own, const sampler_row *teacher, float *words) {
  double with = desc->guidance, without = 1 - desc->guidance;
  const sampler_row *first = &teacher[0], *second = &teacher[1];
  words[LEAP_TIME] = schedule_time(&desc->teacher->info, second->timestep);
  words[LEAP_HALF] = (float)first->x;
  words[LEAP_HALF + 1] = (float)(first->model * with);
  words[LEAP_HALF + 2] = (float)(first->model * without);
  words[LEAP_TARGET] = (float)(second->x / own->model);
  words[LEAP_TARGET + 1] = (float)(-own->x / own->model);
  words[LEAP_TARGET + 2] = (float)(second->model * with / own->model);
  words[LEAP_TARGET + 3] = (float)(second->model * without / own->model);
}

mote_status distill_table(const mote_model_info *student, const distill_desc *desc, float *leaps, int *timesteps,
                          mote_error *error) {
  int steps = desc->steps;
  sampler_row *own = calloc((size_t)steps, sizeof *own), *teacher = calloc(2 * (size_t)steps, sizeof *teacher);
  mote_status status = own && teacher ? MOTE_OK : fail(error, MOTE_ERROR_MEMORY, "out of memory");
  if (!status) status = sampler_table(student, &(mote_sampler_desc){.steps = steps}, own, error);
  if (!status)
    status = sampler_table(&desc->teacher->info, &(mote_sampler_desc){.steps = 2 * steps}, teacher, error);
  for (int i = 0; i < steps && !status; i++) {
    timesteps[steps - i] = own[i].timestep;
    fill_leap(desc, &own[i], &teacher[2 * i], leaps + (steps - i) * LEAP_WORDS);
  }
  free(own);
  free(teacher);
  return status;
}

mote_status distill_bind(const mote_model *teacher, graph *graph, mote_error *error) {
  return parameters_bind_prefixed(&teacher->parameters, "teacher.", teacher->buffer, graph, error);
}
