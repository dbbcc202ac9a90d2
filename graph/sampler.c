// sampler.c: one recorded denoising step, replayed from noise to sprite.
//
// What changes from step to step lies on the device: the step index, which the graph advances itself, picks the row of
// the time embeddings, of the coefficients, and of the noise. So N steps are one submission of the same commands.
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "graph/context_unet.h"
#include "graph/model.h"
#include "graph/ops.h"
#include "graph/profile.h"
#include "graph/program.h"
#include "graph/sampler.h"
#include "graph/schedule.h"
#include "shaders/sampler_update.h"
#include "shaders/step.h"

// ---------------------------------------------------------------------------------------------------------------------
// Making

static mote_status complete(const mote_sampler_desc *desc, mote_sampler_desc *out, mote_error *error) {
  *out = *desc;
  if (!desc->model) return fail(error, MOTE_ERROR_USAGE, "a sampler needs a model");
  int T = desc->model->info.timesteps;
  if (out->kind != MOTE_SAMPLER_DDIM && out->kind != MOTE_SAMPLER_DDPM)
    return fail(error, MOTE_ERROR_USAGE, "sampler kind %d is unknown", (int)out->kind);
  if (out->steps == 0) out->steps = out->kind == MOTE_SAMPLER_DDPM || T < 25 ? T : 25;
  if (out->batch == 0) out->batch = 1;
  if (out->steps < 1 || out->steps > T)
    return fail(error, MOTE_ERROR_USAGE, "steps is %d, expected 1 to %d", out->steps, T);
  if (out->batch < 1 || out->batch > 4096)
    return fail(error, MOTE_ERROR_USAGE, "batch is %d, expected 1 to 4096", out->batch);
  if (!(out->eta >= 0 && out->eta <= 1)) return fail(error, MOTE_ERROR_USAGE, "eta is %g, expected 0 to 1", out->eta);
  return MOTE_OK;
}

// The tensors that are filled once, when the sampler is made.
typedef struct constants {
  tensor *time, *table;
} constants;

static graph *build(mote_sampler *sampler, constants *constants) {
  const mote_model_info *info = &sampler->model->info;
  int batch = sampler->desc.batch, steps = sampler->desc.steps;
  graph *graph = graph_create(device_get_caps(sampler->model->device));
  if (!graph) return NULL;
  sampler->x = graph_input(graph, "x", (shape){batch, info->channels, info->height, info->height}, LAYOUT_C8);
  sampler->context = graph_input(graph, "context", (shape){batch, info->n_cfeat, 1, 1}, LAYOUT_C8);
  sampler->step = graph_input(graph, "step", (shape){1, STEP_WORDS, 1, 1}, LAYOUT_RAW);
  constants->time = graph_input(graph, "time", (shape){steps, 1, 1, 1}, LAYOUT_C8);
  constants->table = graph_input(graph, "table", (shape){steps, ROW_WORDS, 1, 1}, LAYOUT_RAW);
  graph->phase = PHASE_ONCE;
  normal_noise(graph, sampler->x, sampler->step, &(normal_noise_desc){0});
  graph->phase = PHASE_STEP;
  tensor *model = context_unet(graph, info,
                               &(context_unet_inputs){.x = sampler->x,
                                                      .time = constants->time,
                                                      .context = sampler->context,
                                                      .step = sampler->step});
  sampler_update(graph, sampler->x, model, constants->table, sampler->step);
  step_advance(graph, sampler->step);
  return graph;
}

static mote_status write_constants(mote_sampler *sampler, const constants *constants, mote_error *error) {
  int steps = sampler->desc.steps, T = sampler->model->info.timesteps;
  sampler_row *rows = calloc((size_t)steps, sizeof *rows);
  float *table = calloc((size_t)steps * ROW_WORDS, sizeof *table), *time = calloc((size_t)steps, sizeof *time);
  mote_status status = rows && table && time ? MOTE_OK : fail(error, MOTE_ERROR_MEMORY, "out of memory");
  if (!status) status = sampler_table(&sampler->model->info, &sampler->desc, rows, error);
  for (int i = 0; i < steps && !status; i++) {
    time[i] = (float)((double)rows[i].timestep / T);
    table[i * ROW_WORDS + ROW_X] = (float)rows[i].x;
    table[i * ROW_WORDS + ROW_MODEL] = (float)rows[i].model;
    table[i * ROW_WORDS + ROW_NOISE] = (float)rows[i].noise;
  }
  if (!status) status = program_write(sampler->program, constants->time, time, error);
  if (!status) status = program_write(sampler->program, constants->table, table, error);
  free(rows);
  free(table);
  free(time);
  return status;
}

mote_status mote_sampler_create(const mote_sampler_desc *desc, mote_sampler **out, mote_error *error) {
  *out = NULL;
  mote_sampler_desc completed;
  TRY(complete(desc, &completed, error));
  mote_sampler *sampler = calloc(1, sizeof *sampler);
  if (!sampler) return fail(error, MOTE_ERROR_MEMORY, "out of memory");
  sampler->model = desc->model;
  sampler->desc = completed;
  constants constants = {0};
  graph *graph = build(sampler, &constants);
  mote_status status = graph ? model_bind(sampler->model, graph, error)
                             : fail(error, MOTE_ERROR_MEMORY, "out of memory");
  if (status)
    graph_destroy(&graph);
  else
    status = program_create(&(program_desc){.device = sampler->model->device, .graph = graph, .name = "sampler"},
                            &sampler->program, error);
  if (!status) status = write_constants(sampler, &constants, error);
  if (!status && completed.recorded) status = recording_create(sampler, &sampler->recording, error);
  if (status)
    mote_sampler_destroy(&sampler);
  else
    *out = sampler;
  return status;
}

void mote_sampler_destroy(mote_sampler **pointer) {
  mote_sampler *sampler = *pointer;
  *pointer = NULL;
  if (!sampler) return;
  recording_destroy(&sampler->recording);
  program_destroy(&sampler->program);
  free(sampler);
}

mote_status mote_sampler_get_needs(const mote_sampler_desc *desc, mote_sampler_needs *needs, mote_error *error) {
  *needs = (mote_sampler_needs){0};
  mote_sampler sampler = {.model = desc->model};
  constants constants = {0};
  TRY(complete(desc, &sampler.desc, error));
  mote_device *device = sampler.model->device;
  graph *graph = build(&sampler, &constants);
  if (!graph) return fail(error, MOTE_ERROR_MEMORY, "out of memory");
  program_needs measured = {0};
  TRY(program_measure(&(program_desc){.device = device, .graph = graph, .name = "sampler"}, &measured, error));
  if (desc->recorded) TRY(recording_measure(&sampler.model->info, device, sampler.desc.batch, &measured, error));
  *needs = (mote_sampler_needs){.memory_bytes = measured.memory_bytes,
                                .allocations = measured.allocations,
                                .pipelines = measured.kernels,
                                .staging_bytes = device_stages(device) ? measured.largest_bytes : 0};
  return MOTE_OK;
}

// ---------------------------------------------------------------------------------------------------------------------
// Running

mote_status sampler_write_request(const mote_sampler *sampler, const mote_sampler_request *request,
                                  const sampler_writer *writer, mote_error *error) {
  uint32_t step[STEP_WORDS] = {[STEP_SEED_LOW] = (uint32_t)request->seed,
                               [STEP_SEED_HIGH] = (uint32_t)(request->seed >> 32),
                               [STEP_FIRST_SAMPLE] = request->first_sample};
  TRY(writer->write(writer->user, sampler->step, step, error));
  return writer->write(writer->user, sampler->context, request->context, error);
}

static mote_status write_now(void *user, tensor *tensor, const void *rows, mote_error *error) {
  if (rows) return program_write(user, tensor, rows, error);
  float *zeros = calloc(tensor_elements(tensor), sizeof *zeros);
  if (!zeros) return fail(error, MOTE_ERROR_MEMORY, "out of memory");
  mote_status status = program_write(user, tensor, zeros, error);
  free(zeros);
  return status;
}

mote_status mote_sampler_begin(mote_sampler *sampler, const mote_sampler_request *request, mote_error *error) {
  sampler->begun = false;
  mote_status status =
      sampler_write_request(sampler, request, &(sampler_writer){write_now, sampler->program}, error);
  if (!status) status = program_run(sampler->program, PHASE_ONCE, 1, error);
  if (!status && request->x_init) status = program_write(sampler->program, sampler->x, request->x_init, error);
  sampler->steps_done = 0;
  sampler->begun = !status;
  return status;
}

mote_status mote_sampler_run(mote_sampler *sampler, int step_count, mote_error *error) {
  int left = sampler->begun ? sampler->desc.steps - sampler->steps_done : 0;
  if (step_count < 1 || step_count > left)
    return fail(error, MOTE_ERROR_USAGE, "%d steps asked for, %d are left of this run", step_count, left);
  TRY(program_run(sampler->program, PHASE_STEP, (uint32_t)step_count, error));
  sampler->steps_done += step_count;
  return MOTE_OK;
}

int mote_sampler_steps_done(const mote_sampler *sampler) { return sampler->steps_done; }
int mote_sampler_step_count(const mote_sampler *sampler) { return sampler->desc.steps; }

mote_status mote_sampler_read(mote_sampler *sampler, float *images, mote_error *error) {
  return program_read(sampler->program, sampler->x, images, error);
}

mote_status mote_sampler_read_pixels(mote_sampler *sampler, uint8_t *pixels, mote_error *error) {
  shape s = sampler->x->shape;
  size_t count = tensor_elements(sampler->x), area = (size_t)s.h * (size_t)s.w, channels = (size_t)s.c;
  float *images = malloc(count * sizeof *images);
  if (!images) return fail(error, MOTE_ERROR_MEMORY, "out of memory");
  mote_status status = mote_sampler_read(sampler, images, error);
  for (size_t i = 0; i < count && !status; i++) {
    size_t n = i / (channels * area), c = i / area % channels, pixel = i % area;
    float level = images[i] * 127.5f + 127.5f;
    // The comparisons send what is not a number to 0.
    pixels[(n * area + pixel) * channels + c] = level >= 255 ? 255 : level > 0 ? (uint8_t)lrintf(level) : 0;
  }
  free(images);
  return status;
}

mote_sampler_info mote_sampler_get_info(const mote_sampler *sampler) {
  program_info info = program_get_info(sampler->program);
  return (mote_sampler_info){.dispatches = info.commands[PHASE_STEP].dispatches,
                             .barriers = info.commands[PHASE_STEP].barriers,
                             .setup_dispatches = info.commands[PHASE_ONCE].dispatches,
                             .activation_bytes = info.activations.peak_bytes,
                             .activation_bound = info.activations.bound_bytes,
                             .memory_bytes = info.memory_bytes};
}

program *sampler_program(mote_sampler *sampler) { return sampler->program; }
