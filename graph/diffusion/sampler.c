// sampler.c: one recorded denoising step, replayed from noise to sprite.
//
// What changes from step to step lies on the device: the step index, which the graph advances itself, picks the row of
// the time embeddings, of the coefficients, and of the noise. So N steps are one submission of the same commands.
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "graph/compile/program.h"
#include "graph/diffusion/sampler.h"
#include "graph/diffusion/schedule.h"
#include "graph/nets/network.h"
#include "graph/nets/model.h"
#include "graph/ops/ops.h"
#include "shaders/sampler_update.h"
#include "shaders/step.h"

// ---------------------------------------------------------------------------------------------------------------------
// Making

static mote_status check_options(const mote_sampler_desc *d, mote_error *error) {
  if (!(d->eta >= 0 && d->eta <= 1)) return fail(error, MOTE_ERROR_USAGE, "eta is %g, expected 0 to 1", d->eta);
  if ((unsigned)d->grid > MOTE_GRID_LINSPACE) return fail(error, MOTE_ERROR_USAGE, "grid %d is unknown", (int)d->grid);
  if ((unsigned)d->edit > MOTE_EDIT_INPAINT) return fail(error, MOTE_ERROR_USAGE, "edit %d is unknown", (int)d->edit);
  if (!(d->guidance > 0 && d->guidance <= 100))
    return fail(error, MOTE_ERROR_USAGE, "guidance is %g, expected 0 to 100", d->guidance);
  for (int i = 0; i < MOTE_MAX_ATTRIBUTES; i++)
    if (!(d->attribute_guidance[i] >= 0 && d->attribute_guidance[i] <= (i < d->model->info.attribute_count ? 100 : 0)))
      return fail(error, MOTE_ERROR_USAGE, "attribute_guidance[%d] is %g, expected 0 to 100, and 0 beyond the model's %d attributes", i,
                  d->attribute_guidance[i], d->model->info.attribute_count);
  if (!(d->guidance_low >= 0 && d->guidance_low <= d->guidance_high && d->guidance_high <= 1))
    return fail(error, MOTE_ERROR_USAGE,
                "guidance is asked for from %g to %g of the timesteps, expected 0 <= low <= high <= 1", d->guidance_low,
                d->guidance_high);
  if (!(d->threshold >= 0 && d->threshold <= 1))
    return fail(error, MOTE_ERROR_USAGE, "threshold is %g, expected 0 to 1", d->threshold);
  if (d->threshold > 0 && d->clip_x0)
    return fail(error, MOTE_ERROR_USAGE, "found both clip_x0 and threshold, expected one of them");
  if (d->pixel_scale < 1 || d->pixel_scale > 16)
    return fail(error, MOTE_ERROR_USAGE, "pixel_scale is %d, expected 1 to 16", d->pixel_scale);
  if (d->resample < 1 || d->resample > 100 || (d->resample > 1 && d->edit != MOTE_EDIT_INPAINT))
    return fail(error, MOTE_ERROR_USAGE, "resample is %d, expected 1 to 100, and 1 unless inpainting", d->resample);
  return MOTE_OK;
}

// What cannot be done with the model's noise, of which flow's leaves no signal at the end.
static mote_status check_noise(const mote_sampler_desc *d, mote_error *error) {
  const bool flow = d->model->info.schedule == MOTE_SCHEDULE_FLOW;
  if (flow && d->kind == MOTE_SAMPLER_DDPM)
    return fail(error, MOTE_ERROR_USAGE, "sampler ddpm: found the schedule flow, expected ddim, dpm++, dpm++-sde, euler or heun");
  if (flow && d->grid == MOTE_GRID_KARRAS)
    return fail(error, MOTE_ERROR_USAGE, "grid karras: found the schedule flow, expected uniform or quadratic");
  if (d->kind == MOTE_SAMPLER_HEUN && d->resample > 1)
    return fail(error, MOTE_ERROR_USAGE, "resample is %d, expected 1 with the sampler heun", d->resample);
  return MOTE_OK;
}

static mote_status complete(const mote_sampler_desc *desc, mote_sampler_desc *out, mote_error *error) {
  *out = *desc;
  if (!desc->model) return fail(error, MOTE_ERROR_USAGE, "a sampler needs a model");
  TRY(model_check(desc->model, false, error));
  TRY(network_check_images(&desc->model->info, error));
  if ((unsigned)out->kind > MOTE_SAMPLER_HEUN)
    return fail(error, MOTE_ERROR_USAGE, "sampler kind %d is unknown", (int)out->kind);
  if (out->strength == 0) out->strength = 1;
  if (!(out->strength > 0 && out->strength <= 1))
    return fail(error, MOTE_ERROR_USAGE, "strength is %g, expected 0 to 1", out->strength);
  int first = sampler_first_timestep(&desc->model->info, out);
  if (out->steps == 0) out->steps = desc->model->info.steps < first ? desc->model->info.steps : first;
  if (out->steps == 0) out->steps = out->kind == MOTE_SAMPLER_DDPM || first < 25 ? first : 25;
  if (out->batch == 0) out->batch = 1;
  if (out->guidance == 0) out->guidance = desc->model->info.recommended_guidance;
  if (out->grid == MOTE_GRID_UNIFORM) out->grid = desc->model->info.sampling.grid;
  if (out->guidance_high == 0) out->guidance_high = 1;
  if (out->resample == 0) out->resample = 1;
  if (out->pixel_scale == 0) out->pixel_scale = 1;
  if (out->steps < 1 || out->steps > first)
    return fail(error, MOTE_ERROR_USAGE, "steps is %d, expected 1 to %d", out->steps, first);
  TRY(batch_check(out->batch, error));
  TRY(check_options(out, error));
  TRY(check_noise(out, error));
  if (out->clip_x0 || out->threshold > 0) return MOTE_OK;
  const mote_sampling *own = &desc->model->info.sampling;
  if (!own->grid) return sampler_needs_clip(&desc->model->info, out, &out->clip_x0, error);
  out->threshold = own->threshold;
  out->clip_x0 = own->threshold == 0 && own->clip > 0 && !sampler_is_multistep(out);
  return MOTE_OK;
}

// The tensors that are filled once, when the sampler is made.
typedef struct constants {
  tensor *time, *table, *factors, *start, *limit;  // factors: of the branches, with attributes guided apart; start: one row that noises init; limit: ones
} constants;

static bool is_guided(const mote_sampler *sampler) { return sampler->desc.guidance != 1 || sampler->apart_count; }

// How often the network looks at each image: under its context, the one to avoid, and the first without each attribute.
static int branch_count(const mote_sampler *sampler) { return is_guided(sampler) ? 2 + sampler->apart_count : 1; }

static void find_apart(mote_sampler *sampler) {
  const mote_sampler_desc *desc = &sampler->desc;
  for (int i = 0; i < MOTE_MAX_ATTRIBUTES; i++)
    if (desc->attribute_guidance[i] > 0 && desc->attribute_guidance[i] != desc->guidance) sampler->apart[sampler->apart_count++] = i;
}

// x where the run starts, from the seed and, in an edit, init.
static void build_start(graph *graph, mote_sampler *sampler, constants *constants) {
  normal_noise(graph, sampler->x, sampler->step, &(normal_noise_desc){0});
  if (!sampler->desc.edit) return;
  shape images = sampler->x->shape;
  sampler->init = graph_input(graph, "init", images, ROLE_ACTIVATION);
  constants->start = graph_input(graph, "start", (shape){1, ROW_WORDS, 1, 1}, ROLE_TABLE);
  sampler_update(graph, &(sampler_tensors){
                            .x = sampler->x, .model = sampler->init, .table = constants->start, .step = sampler->step});
  if (sampler->desc.edit == MOTE_EDIT_INPAINT)
    sampler->mask = graph_input(graph, "mask", (shape){images.n, 1, images.h, images.w}, ROLE_TABLE);
}

static void build_update(graph *graph, mote_sampler *sampler, constants *constants, tensor *model) {
  const mote_sampler_desc *desc = &sampler->desc;
  sampler_tensors tensors = {
      .x = sampler->x, .model = model, .table = constants->table, .step = sampler->step};
  if (desc->threshold > 0) tensors.limit = x0_limit(graph, &tensors, desc->threshold, desc->model->info.sampling.threshold_most);
  if (desc->clip_x0)
    tensors.limit = constants->limit = graph_input(graph, "limit", (shape){desc->batch, 1, 1, 1}, ROLE_TABLE);
  if (sampler_is_multistep(desc)) tensors.previous = graph_input(graph, "previous", sampler->x->shape, ROLE_ACTIVATION);
  sampler_update(graph, &tensors);
  if (sampler->mask) inpaint(graph, &tensors, sampler->init, sampler->mask);
  step_advance(graph, sampler->step);
}

static graph *build(mote_sampler *sampler, constants *constants) {
  const mote_model_info *info = &sampler->model->info;
  int batch = sampler->desc.batch, rows = sampler->row_count, branches = branch_count(sampler);
  graph *graph = graph_create(device_get_caps(sampler->model->device));
  if (!graph) return NULL;
  sampler->x = graph_input(graph, "x", network_image_shape(info, batch), ROLE_ACTIVATION);
  sampler->context = graph_input(graph, "context", (shape){batch * branches, network_context_count(info), 1, 1}, ROLE_ACTIVATION);
  sampler->step = graph_input(graph, "step", (shape){1, STEP_WORDS, 1, 1}, ROLE_TABLE);
  constants->time = graph_input(graph, "time", (shape){rows, 1, 1, 1}, ROLE_ACTIVATION);
  constants->table = graph_input(graph, "table", (shape){rows, ROW_WORDS, 1, 1}, ROLE_TABLE);
  if (graph->status) return graph;
  graph->stage = STAGE_ONCE;
  build_start(graph, sampler, constants);
  graph->stage = STAGE_STEP;
  tensor *x = branches > 1 ? repeat_batch(graph, sampler->x, branches) : sampler->x;
  tensor *model = network_build(graph, info,
                                &(network_inputs){.x = x,
                                                  .time = constants->time,
                                                  .context = sampler->context,
                                                  .step = sampler->step})
                      .y;
  if (sampler->apart_count) {
    constants->factors = graph_input(graph, "factors", (shape){rows, branches, 1, 1}, ROLE_TABLE);
    model = combine_batch(graph, model, constants->factors, sampler->step);
  }
  build_update(graph, sampler, constants, model);
  return graph;
}

static void pack_row(const sampler_row *row, float *words) {
  words[ROW_X] = (float)row->x;
  words[ROW_MODEL] = (float)row->model;
  words[ROW_NOISE] = (float)row->noise;
  words[ROW_PREVIOUS] = (float)row->previous;
  words[ROW_X0_X] = (float)row->x0_x;
  words[ROW_X0_MODEL] = (float)row->x0_model;
  words[ROW_GUIDANCE] = (float)row->guidance;
  words[ROW_KNOWN] = (float)row->known;
  words[ROW_KNOWN_NOISE] = (float)row->known_noise;
  words[ROW_BACK] = (float)row->back;
  words[ROW_BACK_NOISE] = (float)row->back_noise;
  words[ROW_OUTPUT] = (float)row->output;
}

// m_avoid + W · (m_context - m_avoid) + Σ (w_i - W) · (m_context - m_i) as factors of m_context, m_avoid and all m_i.
static void pack_factors(const mote_sampler *sampler, const sampler_row *row, float *factors) {
  const mote_sampler_desc *desc = &sampler->desc;
  double of_context = row->guidance;
  factors[1] = (float)(1 - row->guidance);
  for (int i = 0; i < sampler->apart_count; i++) {
    const double time = (double)row->timestep / sampler->model->info.timesteps;
    const double more = sampler_guidance_at(desc, desc->attribute_guidance[sampler->apart[i]], time) - row->guidance;
    of_context += more;
    factors[2 + i] = (float)-more;
  }
  factors[0] = (float)of_context;
}

static mote_status write_factors(mote_sampler *sampler, tensor *to, const sampler_row *rows, mote_error *error) {
  const int branches = branch_count(sampler);
  float *factors = calloc((size_t)(sampler->row_count * branches), sizeof *factors);
  if (!factors) return fail(error, MOTE_ERROR_MEMORY, "out of memory");
  for (int i = 0; i < sampler->row_count; i++) pack_factors(sampler, &rows[i], factors + i * branches);
  const mote_status status = program_write(sampler->program, to, factors, error);
  free(factors);
  return status;
}

static mote_status write_table(mote_sampler *sampler, const constants *constants, mote_error *error) {
  int count = sampler->row_count;
  sampler_row *rows = calloc((size_t)count, sizeof *rows);
  float *table = calloc((size_t)count * ROW_WORDS, sizeof *table), *time = calloc((size_t)count, sizeof *time);
  mote_status status = rows && table && time ? MOTE_OK : fail(error, MOTE_ERROR_MEMORY, "out of memory");
  if (!status) status = sampler_table(&sampler->model->info, &sampler->desc, rows, error);
  for (int i = 0; i < count && !status; i++) {
    time[i] = schedule_time(&sampler->model->info, rows[i].timestep);
    pack_row(&rows[i], table + i * ROW_WORDS);
  }
  if (!status) status = program_write(sampler->program, constants->time, time, error);
  if (!status) status = program_write(sampler->program, constants->table, table, error);
  if (!status && constants->factors) status = write_factors(sampler, constants->factors, rows, error);
  free(rows);
  free(table);
  free(time);
  return status;
}

// Noise x and image m to noise · x + signal · m at the first timestep.
static mote_status write_start(mote_sampler *sampler, tensor *start, mote_error *error) {
  const mote_model_info *info = &sampler->model->info;
  noising *noisings = malloc(((size_t)info->timesteps + 1) * sizeof *noisings);
  if (!noisings) return fail(error, MOTE_ERROR_MEMORY, "out of memory");
  schedule_noisings(info, noisings);
  const noising first = noisings[sampler_first_timestep(info, &sampler->desc)];
  free(noisings);
  float words[ROW_WORDS] = {0};
  pack_row(&(sampler_row){.x = first.noise, .model = first.signal}, words);
  return program_write(sampler->program, start, words, error);
}

static mote_status write_constants(mote_sampler *sampler, const constants *constants, mote_error *error) {
  TRY(write_table(sampler, constants, error));
  if (constants->start) TRY(write_start(sampler, constants->start, error));
  if (!constants->limit) return MOTE_OK;
  float ones[MOTE_BATCH_MAX];
  for (int i = 0; i < sampler->desc.batch; i++) ones[i] = 1;
  return program_write(sampler->program, constants->limit, ones, error);
}

mote_status mote_sampler_create(const mote_sampler_desc *desc, mote_sampler **out, mote_error *error) {
  if (out) *out = NULL;
  ENTER(error, desc, out);
  mote_sampler_desc completed;
  TRY(complete(desc, &completed, error));
  mote_sampler *sampler = calloc(1, sizeof *sampler);
  if (!sampler) return fail(error, MOTE_ERROR_MEMORY, "out of memory");
  sampler->model = desc->model;
  sampler->desc = completed;
  sampler->row_count = sampler_row_count(&completed);
  find_apart(sampler);
  if (is_guided(sampler))
    sampler->contexts = malloc((size_t)branch_count(sampler) * (size_t)completed.batch * (size_t)network_context_count(&desc->model->info) * sizeof(float));
  constants constants = {0};
  graph *graph = is_guided(sampler) && !sampler->contexts ? NULL : build(sampler, &constants);
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
  free(sampler->contexts);
  free(sampler);
}

mote_status sampler_measure(const mote_sampler_desc *desc, program_needs *needs, mote_error *error) {
  mote_sampler sampler = {.model = desc->model};
  constants constants = {0};
  TRY(complete(desc, &sampler.desc, error));
  sampler.row_count = sampler_row_count(&sampler.desc);
  find_apart(&sampler);
  mote_device *device = sampler.model->device;
  graph *graph = build(&sampler, &constants);
  if (!graph) return fail(error, MOTE_ERROR_MEMORY, "out of memory");
  TRY(program_measure(&(program_desc){.device = device, .graph = graph, .name = "sampler"}, needs, error));
  sampler.x = NULL;  // went with the graph
  return desc->recorded ? recording_measure(&sampler, needs, error) : MOTE_OK;
}

mote_status mote_sampler_get_needs(const mote_sampler_desc *desc, mote_needs *needs, mote_error *error) {
  ENTER(error, desc, needs);
  *needs = (mote_needs){0};
  program_needs measured = {0};
  TRY(sampler_measure(desc, &measured, error));
  const mote_device *device = desc->model->device;
  TRY(program_needs_check(device, &measured, error));
  *needs = (mote_needs){.memory_bytes = measured.memory_bytes,
                        .allocations = measured.allocations,
                        .pipelines = measured.kernels,
                        .staging_bytes = device_stages(device) ? measured.largest_bytes : 0};
  return MOTE_OK;
}

// ---------------------------------------------------------------------------------------------------------------------
// Running

static mote_status check_request(const mote_sampler *sampler, const mote_sampler_request *request, mote_error *error) {
  if (!request->init != !sampler->init)
    return fail(error, MOTE_ERROR_USAGE, request->init ? "found an init image, and a sampler without an edit"
                                                       : "found no init image, which the sampler's edit needs");
  if (!request->mask != !sampler->mask)
    return fail(error, MOTE_ERROR_USAGE, request->mask ? "found a mask, and a sampler that does not inpaint"
                                                       : "found no mask, which inpainting needs");
  if (request->avoid && !is_guided(sampler))
    return fail(error, MOTE_ERROR_USAGE, "found contexts to avoid, and a sampler without guidance");
  return MOTE_OK;
}

// The contexts with attribute `index` as in those to avoid.
static void write_without(const mote_sampler *sampler, int index, float *contexts) {
  const mote_model_info *info = &sampler->model->info;
  const size_t length = (size_t)info->n_cfeat, each = (size_t)sampler->desc.batch * length;
  size_t first = 0;
  for (int i = 0; i < index; i++) first += (size_t)info->attributes[i].count;
  memcpy(contexts, sampler->contexts, each * sizeof *contexts);
  for (size_t at = first; at < each; at += length)
    memcpy(contexts + at, sampler->contexts + each + at, (size_t)info->attributes[index].count * sizeof *contexts);
}

// The contexts and, with guidance, after them those to avoid; zeros where there are none.
static const float *join_contexts(const mote_sampler *sampler, const mote_sampler_request *request) {
  if (!is_guided(sampler)) return request->context;
  size_t each = (size_t)sampler->desc.batch * (size_t)network_context_count(&sampler->model->info);
  memset(sampler->contexts, 0, 2 * each * sizeof *sampler->contexts);
  if (request->context) memcpy(sampler->contexts, request->context, each * sizeof *sampler->contexts);
  if (request->avoid) memcpy(sampler->contexts + each, request->avoid, each * sizeof *sampler->contexts);
  for (int i = 0; i < sampler->apart_count; i++)
    write_without(sampler, sampler->apart[i], sampler->contexts + (size_t)(2 + i) * each);
  return sampler->contexts;
}

// Everything of a request that STAGE_ONCE reads.
static mote_status write_request(const mote_sampler *sampler, const mote_sampler_request *request,
                                 const sampler_route *route, mote_error *error) {
  uint32_t step[STEP_WORDS] = {[STEP_SEED_LOW] = (uint32_t)request->seed,
                               [STEP_SEED_HIGH] = (uint32_t)(request->seed >> 32),
                               [STEP_FIRST_SAMPLE] = request->first_sample};
  TRY(route->write(route->user, sampler->step, step, error));
  if (sampler->init) TRY(route->write(route->user, sampler->init, request->init, error));
  if (sampler->mask) TRY(route->write(route->user, sampler->mask, request->mask, error));
  return route->write(route->user, sampler->context, join_contexts(sampler, request), error);
}

mote_status sampler_begin(mote_sampler *sampler, const mote_sampler_request *request, const sampler_route *route,
                          mote_error *error) {
  sampler->begun = false;
  TRY(check_request(sampler, request, error));
  TRY(write_request(sampler, request, route, error));
  const bool prepared = sampler->prepared && sampler->prepared_version == sampler->model->version;
  TRY(route->replay(route->user, prepared ? SEQUENCE(STAGE_ONCE) : SEQUENCE(STAGE_PREPARE, STAGE_ONCE), 1, error));
  if (request->x_init) TRY(route->write(route->user, sampler->x, request->x_init, error));
  sampler->steps_done = 0;
  sampler->begun = true;
  return MOTE_OK;
}

int sampler_steps_left(const mote_sampler *sampler) {
  return sampler->begun ? sampler->row_count - sampler->steps_done : 0;
}

mote_status sampler_advance(mote_sampler *sampler, int step_count, const sampler_route *route, mote_error *error) {
  if (step_count) TRY(route->replay(route->user, SEQUENCE(STAGE_STEP), step_count, error));
  sampler->steps_done += step_count;
  return MOTE_OK;
}

static mote_status write_now(void *user, tensor *tensor, const void *rows, mote_error *error) {
  return program_write(user, tensor, rows, error);
}

static mote_status replay_now(void *user, sequence sequence, int times, mote_error *error) {
  return program_run(user, sequence, (uint32_t)times, error);
}

mote_status mote_sampler_begin(mote_sampler *sampler, const mote_sampler_request *request, mote_error *error) {
  ENTER(error, sampler, request);
  TRY(sampler_begin(sampler, request, &(sampler_route){write_now, replay_now, sampler->program}, error));
  sampler->prepared = true;  // what a host records may never run, so it prepares each time until this was called
  sampler->prepared_version = sampler->model->version;
  return MOTE_OK;
}

mote_status mote_sampler_run(mote_sampler *sampler, int step_count, mote_error *error) {
  ENTER(error, sampler);
  int left = sampler_steps_left(sampler);
  if (step_count < 1 || step_count > left)
    return fail(error, MOTE_ERROR_USAGE, "%d steps asked for, %d are left of this run", step_count, left);
  return sampler_advance(sampler, step_count, &(sampler_route){write_now, replay_now, sampler->program}, error);
}

int mote_sampler_steps_done(const mote_sampler *sampler) { return sampler->steps_done; }
int mote_sampler_step_count(const mote_sampler *sampler) { return sampler->row_count; }

mote_status mote_sampler_read(mote_sampler *sampler, float *images, mote_error *error) {
  ENTER(error, sampler, images);
  return program_read(sampler->program, sampler->x, images, error);
}

mote_status mote_sampler_read_pixels(mote_sampler *sampler, uint8_t *pixels, mote_error *error) {
  ENTER(error, sampler, pixels);
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
  const program_info info = program_get_info(sampler->program);
  const commands_info step = program_get_commands_info(sampler->program, SEQUENCE(STAGE_STEP));
  const commands_info begin = program_get_commands_info(sampler->program, SEQUENCE(STAGE_PREPARE, STAGE_ONCE));
  return (mote_sampler_info){.dispatches = step.dispatches,
                             .barriers = step.barriers,
                             .setup_dispatches = begin.dispatches,
                             .activation_bytes = info.activations.peak_bytes,
                             .activation_bound = info.activations.bound_bytes,
                             .memory_bytes = info.memory_bytes};
}

program *sampler_program(mote_sampler *sampler) { return sampler->program; }
