// distill.c: the objective of a student: two steps of a teacher as one node list, and their coefficients.
#include "graph/diffusion/distill.h"

#include <stdlib.h>

#include "graph/diffusion/objective.h"
#include "graph/diffusion/schedule.h"
#include "graph/diffusion/trainer.h"
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

// ---------------------------------------------------------------------------------------------------------------------
// The objective

enum { OWN_LEAPS, OWN_ONES, OWN_NONE };

static bool serves(const mote_trainer_desc *desc) { return desc->teacher; }

static void complete(mote_trainer_desc *desc) {
  if (desc->teacher_guidance == 0) desc->teacher_guidance = 1;
  desc->model.steps = desc->distill_steps;
  desc->model.guidance = desc->teacher_guidance != 1 ? desc->teacher_guidance : desc->teacher->info.guidance;
}

// The student sees the teacher's images at the teacher's noise.
static mote_status check(const mote_trainer_desc *desc, mote_error *error) {
  const mote_model_info *m = &desc->model, *t = &desc->teacher->info;
  TRY(model_check(desc->teacher, false, error));
  if (network_of(m) && network_of(m)->classifies)
    return fail(error, MOTE_ERROR_USAGE, "teacher: a %s learns from none", m->architecture);
  if (desc->teacher->device != desc->device)
    return fail(error, MOTE_ERROR_USAGE, "teacher: lies on another device, expected the trainer's");
  const network_setting *other = settings_differ(t, m, true);
  if (other) return trainer_fail_other("teacher: found", other, t, m, error);
  if (t->timesteps != m->timesteps || t->schedule != m->schedule || t->beta_start != m->beta_start ||
      t->beta_end != m->beta_end)
    return fail(error, MOTE_ERROR_USAGE, "teacher: its %d timesteps of noise are not the student's %d", t->timesteps,
                m->timesteps);
  if (network_of(t)->counts_from_0 != network_of(m)->counts_from_0)
    return fail(error, MOTE_ERROR_USAGE, "teacher: is a %s, which is told of timesteps otherwise than a %s", t->architecture,
                m->architecture);
  if (desc->validation.count)
    return fail(error, MOTE_ERROR_USAGE, "validation: found %u images, expected none beside a teacher",
                (unsigned)desc->validation.count);
  TRY(trainer_check_range("distill_steps", desc->distill_steps, 1, m->timesteps / 2.0, error));
  bool needs_clip;
  TRY(sampler_needs_clip(t, &(mote_sampler_desc){.steps = 2 * desc->distill_steps}, &needs_clip, error));
  if (needs_clip)
    return fail(error, MOTE_ERROR_USAGE, "teacher: predicts epsilon, whose error %d steps of its noise schedule multiply by more "
                "than 20, expected one that predicts v or x0", 2 * desc->distill_steps);
  return trainer_check_range("teacher_guidance", desc->teacher_guidance, 0.01, 100, error);
}

static int level_count(const mote_trainer_desc *desc) { return desc->distill_steps; }

static distill_desc describe(const mote_trainer *trainer) {
  return (distill_desc){.teacher = trainer->desc.teacher,
                        .steps = trainer->desc.distill_steps,
                        .guidance = trainer->desc.teacher_guidance,
                        .leaps = trainer->own[OWN_LEAPS],
                        .ones = trainer->own[OWN_ONES],
                        .none = trainer->own[OWN_NONE]};
}

static void add_inputs(mote_trainer *trainer, graph *graph) {
  const mote_trainer_desc *desc = &trainer->desc;
  trainer->own[OWN_LEAPS] = graph_input(graph, "leaps", (shape){desc->distill_steps + 1, LEAP_WORDS, 1, 1}, ROLE_TABLE);
  trainer->own[OWN_ONES] = graph_input(graph, "ones", (shape){desc->batch, 1, 1, 1}, ROLE_ACTIVATION);
  if (desc->teacher_guidance != 1)
    trainer->own[OWN_NONE] = graph_input(graph, "none", (shape){desc->batch, network_context_count(&trainer->info), 1, 1}, ROLE_ACTIVATION);
}

static mote_status fill(mote_trainer *trainer, int *timesteps, mote_error *error) {
  const distill_desc desc = describe(trainer);
  float ones[MOTE_BATCH_MAX], *leaps = calloc((size_t)(desc.steps + 1) * LEAP_WORDS, sizeof *leaps);
  if (!leaps) return fail(error, MOTE_ERROR_MEMORY, "out of memory");
  for (int i = 0; i < trainer->desc.batch; i++) ones[i] = 1;
  mote_status status = distill_table(&trainer->info, &desc, leaps, timesteps, error);
  if (!status) status = program_write(trainer->program, desc.leaps, leaps, error);
  if (!status) status = program_write(trainer->program, desc.ones, ones, error);
  if (!status && desc.none) status = program_write(trainer->program, desc.none, NULL, error);
  free(leaps);
  return status;
}

static objective_loss append(mote_trainer *trainer, graph *graph, const draw_batch_tensors *batch, float share) {
  const distill_desc desc = describe(trainer);
  draw_batch_tensors aimed = *batch;
  aimed.target = distill_target(graph, &desc, batch);
  return denoise_objective.append(trainer, graph, &aimed, share);
}

static mote_status bind(const mote_trainer *trainer, graph *graph, mote_error *error) {
  return distill_bind(trainer->desc.teacher, graph, error);
}

const objective distill_objective = {.name = "distill",
                                     .serves = serves,
                                     .complete = complete,
                                     .check = check,
                                     .level_count = level_count,
                                     .add_inputs = add_inputs,
                                     .fill = fill,
                                     .append = append,
                                     .bind = bind};
