// trainer.c: one recorded training step, replayed: the stage of a batch's gradients as often as a step has batches, then that of the
// update. Data, weights, moments, counters and random numbers lie on the device; M steps are one submission, and the host only reads
// losses from a ring after them.
#include "graph/compile/differentiate.h"
#include "graph/diffusion/trainer.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "graph/diffusion/objective.h"
#include "graph/diffusion/schedule.h"
#include "graph/nets/initial_weights.h"
#include "graph/nets/network.h"
#include "shaders/draw_batch.h"
#include "shaders/train_state.h"

static const float beta1 = 0.9f, beta2 = 0.999f;

// ---------------------------------------------------------------------------------------------------------------------
// The graph

size_t trainer_exchange_bytes(const mote_trainer *trainer) {
  return trainer->parameters.bytes + (size_t)round_up(trainer->desc.batch, 4) * sizeof(float);
}

// Statistics of the batch, or of a step's batches their sum, where the running ones lie in `weights`; NULL: the network has none.
static tensor *statistics_tensor(const mote_trainer *trainer, graph *graph) {
  const size_t learned = trainer->parameters.learned_bytes, bytes = trainer->parameters.bytes - learned;
  if (!bytes) return NULL;
  return graph_external(graph, "statistics", (shape){1, (int)(bytes / 4), 1, 1}, ROLE_TABLE,
                        (binding){trainer->flat[FLAT_EXCHANGE], learned, bytes});
}

static tensor *flat_tensor(const mote_trainer *trainer, graph *graph, const char *name, int which) {
  // Gradients and moments are of learned parameters only.
  bool whole = which == FLAT_WEIGHTS || which == FLAT_AVERAGE;
  size_t bytes = whole ? trainer->parameters.bytes : trainer->parameters.learned_bytes;
  return graph_external(graph, name, (shape){1, (int)(bytes / 4), 1, 1}, ROLE_TABLE, (binding){trainer->flat[which], 0, bytes});
}

static void add_inputs(mote_trainer *trainer, graph *graph) {
  const mote_model_info *m = &trainer->info;
  trainer_add_data(trainer, graph);
  trainer->begins = graph_input(graph, "begins", (shape){1, network_context_count(m), 1, 1}, ROLE_TABLE);
  const int levels = trainer->objective->level_count(&trainer->desc);
  trainer->noise = graph_input(graph, "noise", (shape){levels + 1, NOISE_WORDS, 1, 1}, ROLE_TABLE);
  trainer->state = graph_input(graph, "state", (shape){1, TRAIN_WORDS, 1, 1}, ROLE_TABLE);
  trainer->ring = graph_input(graph, "ring", (shape){1, TRAIN_RING, 1, 1}, ROLE_TABLE);
  if (trainer->objective->add_inputs) trainer->objective->add_inputs(trainer, graph);
}

// Draw, forward, loss and backward of a batch, and what it gives in the exchange: gradients and statistics have their homes there,
// and after these stand the parts of the loss, which are returned. Their share is the same for all batches.
static tensor *add_batch(mote_trainer *trainer, graph *graph, float *share) {
  const mote_trainer_desc *desc = &trainer->desc;
  draw_batch_tensors batch;
  draw_batch(graph,
             &(draw_batch_desc){.pixels = trainer->pixels,
                                .contexts = trainer->contexts,
                                .drawn_of = trainer->drawn.slots ? (int)desc->data.count : 0,
                                .noise = trainer->noise,
                                .state = trainer->state,
                                .begins = trainer->begins,
                                .apart = trainer->info.attribute_count > 1,
                                .batch = desc->batch,
                                .channels = trainer->info.channels,
                                .height = trainer->info.height,
                                .width = trainer->info.width,
                                .prediction = (int)trainer->info.prediction,
                                .shift = desc->shift,
                                .step_draws = desc->batch * desc->accumulate,
                                .context_drop = (float)desc->context_drop,
                                .flip = (float)desc->flip},
             &batch);
  const objective_loss made = trainer->objective->append(trainer, graph, &batch, 1 / (float)desc->accumulate);
  graph_note_loss(graph, made.y, made.dy);
  if (passes_differentiate(graph, PASS_ALL, &graph->error)) graph->status = graph->error.status;
  tensor *parts = loss_parts(made.loss);
  if (!parts) return NULL;
  *share = loss_share(made.loss->producer);
  const size_t first = trainer->parameters.bytes;
  parts->kind = TENSOR_EXTERNAL;
  parts->home = (binding){trainer->flat[FLAT_EXCHANGE], first, trainer_exchange_bytes(trainer) - first};
  return parts;
}

// Several batches a step: each is merged with those before it.
static void add_accumulation(const mote_trainer *trainer, graph *graph) {
  const size_t bytes = trainer_exchange_bytes(trainer);
  const shape shape = {1, (int)(bytes / 4), 1, 1};
  accumulate_desc desc = {.state = trainer->state, .batches = trainer->desc.accumulate};
  desc.exchange = graph_external(graph, "exchange", shape, ROLE_TABLE, (binding){trainer->flat[FLAT_EXCHANGE], 0, bytes});
  for (int i = 0; i < accumulate_level_count(desc.batches); i++) {
    const char name[] = {'l', 'e', 'v', 'e', 'l', (char)('0' + i), 0};
    desc.levels[i] = graph_external(graph, name, shape, ROLE_TABLE, (binding){trainer->levels[i], 0, bytes});
  }
  accumulate(graph, &desc);
}

static graph *build(mote_trainer *trainer) {
  const mote_trainer_desc *desc = &trainer->desc;
  graph *graph = graph_create(device_get_caps(trainer->device));
  if (!graph) return NULL;
  graph->train = true;
  graph->stage = STAGE_GRADIENT;
  add_inputs(trainer, graph);
  float share = 1;
  tensor *loss = add_batch(trainer, graph, &share);
  if (desc->accumulate > 1) add_accumulation(trainer, graph);
  graph->stage = STAGE_UPDATE;
  graph_push(graph, "optimiser");
  tensor *gradients = flat_tensor(trainer, graph, "gradients", FLAT_EXCHANGE);
  tensor *statistics = statistics_tensor(trainer, graph);
  tensor *weights = flat_tensor(trainer, graph, "weights", FLAT_WEIGHTS);
  train_control(graph, &(train_control_desc){.gradients = gradients,
                                             .statistics = statistics,
                                             .weights = weights,
                                             .loss = loss,
                                             .loss_share = share,
                                             .state = trainer->state,
                                             .ring = trainer->ring,
                                             .schedule = desc->lr_schedule,
                                             .warmup = desc->warmup_steps,
                                             .learning_rate = (float)desc->learning_rate,
                                             .weight_decay = (float)desc->weight_decay,
                                             .ema = (float)desc->ema,
                                             .clip = (float)desc->clip,
                                             .beta1 = beta1,
                                             .beta2 = beta2});
  adamw(graph, &(adamw_desc){.weights = weights,
                             .gradients = gradients,
                             .statistics = statistics,
                             .batches = desc->accumulate,
                             .first = flat_tensor(trainer, graph, "first", FLAT_FIRST),
                             .second = flat_tensor(trainer, graph, "second", FLAT_SECOND),
                             .average = flat_tensor(trainer, graph, "average", FLAT_AVERAGE),
                             .state = trainer->state,
                             .beta1 = beta1,
                             .beta2 = beta2});
  graph_pop(graph);
  return graph;
}

// ---------------------------------------------------------------------------------------------------------------------
// Filling the device

static mote_status create_zeros(mote_trainer *trainer, size_t bytes, const char *name, buffer **out, mote_error *error) {
  void *zeros = calloc(1, bytes);
  mote_status status = zeros ? MOTE_OK : fail(error, MOTE_ERROR_MEMORY, "out of memory");
  if (!status) status = buffer_create(trainer->device, bytes, name, out, error);
  if (!status) status = buffer_upload(*out, 0, zeros, bytes, error);
  free(zeros);
  return status;
}

static mote_status create_buffers(mote_trainer *trainer, const mote_model *start, mote_error *error) {
  static const char *const names[FLAT_COUNT] = {"weights", "exchange", "first moment", "second moment", "average"};
  const size_t bytes = trainer->parameters.bytes, exchange = trainer_exchange_bytes(trainer);
  for (int i = 0; i < FLAT_COUNT; i++)
    TRY(create_zeros(trainer, i == FLAT_EXCHANGE ? exchange : bytes, names[i], &trainer->flat[i], error));
  for (int i = 0; i < accumulate_level_count(trainer->desc.accumulate); i++)
    TRY(create_zeros(trainer, exchange, "sum of batches", &trainer->levels[i], error));
  float *values = calloc(1, bytes);
  mote_status status = values ? MOTE_OK : fail(error, MOTE_ERROR_MEMORY, "out of memory");
  if (!status && start)
    status = buffer_download(start->buffer, 0, values, bytes, error);
  else if (!status)
    status = parameters_draw(&trainer->parameters, trainer->desc.seed, values, error);
  if (!status) status = buffer_upload(trainer->flat[FLAT_WEIGHTS], 0, values, bytes, error);
  if (!status) status = buffer_upload(trainer->flat[FLAT_AVERAGE], 0, values, bytes, error);
  free(values);
  return status;
}

static mote_status write_noise(mote_trainer *trainer, mote_error *error) {
  int count = trainer->objective->level_count(&trainer->desc);
  noising *noisings = malloc(((size_t)trainer->info.timesteps + 1) * sizeof *noisings);
  int *timesteps = malloc(((size_t)count + 1) * sizeof *timesteps);
  float *table = calloc((size_t)(count + 1) * NOISE_WORDS, sizeof *table);
  mote_status status = noisings && timesteps && table ? MOTE_OK : fail(error, MOTE_ERROR_MEMORY, "out of memory");
  if (!status) schedule_noisings(&trainer->info, noisings);
  if (!status) status = trainer->objective->fill(trainer, timesteps, error);
  for (int i = 1; i <= count && !status; i++) {
    float *row = table + i * NOISE_WORDS;
    const noising noising = noisings[timesteps[i]];
    row[NOISE_SIGNAL] = (float)noising.signal;
    row[NOISE_NOISE] = (float)noising.noise;
    row[NOISE_WEIGHT] = (float)min_snr_weight(trainer->info.prediction, noising, trainer->desc.min_snr);
    row[NOISE_TIME] = schedule_time(&trainer->info, timesteps[i]);
  }
  if (!status) status = program_write(trainer->program, trainer->noise, table, error);
  free(noisings);
  free(timesteps);
  free(table);
  return status;
}

static mote_status write_begins(mote_trainer *trainer, mote_error *error) {
  float begins[MOTE_MAX_CONTEXT] = {0};
  const mote_model_info *m = &trainer->info;
  for (int i = 0, first = 0; i < m->attribute_count; first += m->attributes[i++].count) begins[first] = 1;
  return program_write(trainer->program, trainer->begins, begins, error);
}

static uint32_t bits_of(float value) {
  uint32_t bits;
  memcpy(&bits, &value, sizeof bits);
  return bits;
}

static mote_status write_state(mote_trainer *trainer, mote_error *error) {
  const uint32_t state[TRAIN_WORDS] = {[TRAIN_SEED_LOW] = (uint32_t)trainer->desc.seed,
                                       [TRAIN_SEED_HIGH] = (uint32_t)(trainer->desc.seed >> 32),
                                       [TRAIN_TOTAL_STEPS] = (uint32_t)trainer->desc.total_steps,
                                       [TRAIN_BETA1_POWER] = bits_of(1),
                                       [TRAIN_BETA2_POWER] = bits_of(1)};
  return program_write(trainer->program, trainer->state, state, error);
}

mote_status trainer_make_graph(mote_trainer *trainer, graph **out, mote_error *error) {
  *out = build(trainer);
  mote_status status = *out ? MOTE_OK : fail(error, MOTE_ERROR_MEMORY, "out of memory");
  if (!status && trainer->objective->bind) status = trainer->objective->bind(trainer, *out, error);
  if (!status)
    status = parameters_bind(&trainer->parameters, trainer->flat[FLAT_WEIGHTS], trainer->flat[FLAT_EXCHANGE], *out, error);
  if (status) graph_destroy(out);
  return status;
}

mote_status trainer_describe(const mote_trainer_desc *desc, mote_trainer *trainer, mote_error *error) {
  TRY(trainer_complete(desc, &trainer->desc, error));
  trainer->device = trainer->desc.device;
  trainer->info = trainer->desc.model;
  trainer->objective = objective_of(&trainer->desc);
  for (int i = 0; i < trainer->desc.accumulate; i++) trainer->step[i] = STAGE_GRADIENT;
  trainer->step[trainer->desc.accumulate] = STAGE_UPDATE;
  return parameters_create(trainer->device, &trainer->info, &trainer->parameters, error);
}

static mote_status fill(mote_trainer *trainer, mote_error *error) {
  TRY(write_noise(trainer, error));
  TRY(trainer_write_data(trainer, &trainer->desc.data, error));
  TRY(write_begins(trainer, error));
  TRY(write_state(trainer, error));
  TRY(program_run(trainer->program, SEQUENCE(STAGE_PREPARE), 1, error));  // folded weights of networks that do not learn
  return trainer_prepare_validation(trainer, &trainer->desc.validation, error);
}

mote_status mote_trainer_create(const mote_trainer_desc *desc, mote_trainer **out, mote_error *error) {
  if (out) *out = NULL;
  ENTER(error, desc, out);
  mote_trainer *trainer = calloc(1, sizeof *trainer);
  if (!trainer) return fail(error, MOTE_ERROR_MEMORY, "out of memory");
  graph *graph = NULL;
  mote_status status = trainer_describe(desc, trainer, error);
  if (!status) status = trainer_check_data(&trainer->desc, error);
  if (!status) status = trainer_find_room(desc, trainer, error);
  if (!status) status = create_buffers(trainer, desc->start, error);
  if (!status) status = trainer_create_slots(trainer, error);
  if (!status) status = trainer_make_graph(trainer, &graph, error);
  if (!status)
    status = program_create(&(program_desc){.device = trainer->device, .graph = graph, .name = "trainer"},
                            &trainer->program, error);
  if (!status) status = fill(trainer, error);
  if (!status && desc->recorded) status = trainer_prepare_recording(trainer, error);
  trainer->desc.data.pixels = trainer->desc.validation.pixels = NULL;
  trainer->desc.data.context = trainer->desc.validation.context = NULL;
  trainer->desc.start = NULL;
  if (status)
    mote_trainer_destroy(&trainer);
  else
    *out = trainer;
  return status;
}

void mote_trainer_destroy(mote_trainer **pointer) {
  mote_trainer *trainer = *pointer;
  *pointer = NULL;
  if (!trainer) return;
  trainer_release_validation(trainer);
  mote_model_destroy(&trainer->model);
  buffer_destroy(&trainer->readback);
  program_destroy(&trainer->program);
  for (int i = 0; i < FLAT_COUNT; i++) buffer_destroy(&trainer->flat[i]);
  for (int i = 0; i < TRAIN_LEVELS; i++) buffer_destroy(&trainer->levels[i]);
  trainer_release_data(trainer);
  parameters_destroy(&trainer->parameters);
  free(trainer);
}

// ---------------------------------------------------------------------------------------------------------------------
// Running

mote_status trainer_check_failed(uint32_t failed, mote_error *error) {
  if (!failed) return MOTE_OK;
  return fail(error, MOTE_ERROR_DEVICE, "the loss of step %u is not finite: a lower learning rate or a gradient clip "
              "may help; the weights are those of step %u", failed, failed - 1);
}

mote_status mote_trainer_run(mote_trainer *trainer, int step_count, float *losses, mote_error *error) {
  ENTER(error, trainer);
  if (step_count < 1 || step_count > TRAIN_RING)
    return fail(error, MOTE_ERROR_USAGE, "%d steps asked for, expected 1 to %d", step_count, TRAIN_RING);
  if (trainer->steps_done > UINT32_MAX - (uint64_t)step_count)
    return fail(error, MOTE_ERROR_USAGE, "%llu steps are done, which are counted with 32 bits",
                (unsigned long long)trainer->steps_done);
  TRY(trainer_run_steps(trainer, (uint32_t)step_count, error));
  uint32_t state[TRAIN_WORDS];
  float ring[TRAIN_RING];
  TRY(program_read(trainer->program, trainer->state, state, error));
  TRY(program_read(trainer->program, trainer->ring, ring, error));
  for (int i = 0; i < step_count && losses; i++) losses[i] = ring[(trainer->steps_done + (uint64_t)i) % TRAIN_RING];
  trainer->steps_done = trainer->collected = state[TRAIN_STEPS];
  return trainer_check_failed(state[TRAIN_FAILED], error);
}

uint64_t mote_trainer_steps_done(const mote_trainer *trainer) { return trainer->steps_done; }

// As shaders/train_control.comp computes it.
double mote_trainer_learning_rate(const mote_trainer *trainer) {
  const mote_trainer_desc *desc = &trainer->desc;
  double step = (double)trainer->steps_done, rate = desc->learning_rate;
  double progress = desc->total_steps ? fmin(step / (double)desc->total_steps, 1) : 1;
  if (desc->lr_schedule == MOTE_LR_COSINE) rate *= 0.5 + 0.5 * cos(3.14159265358979 * progress);
  if (desc->lr_schedule == MOTE_LR_LINEAR) rate *= 1 - progress;
  return step < desc->warmup_steps ? rate * (step + 1) / desc->warmup_steps : rate;
}

mote_status mote_trainer_set_total_steps(mote_trainer *trainer, uint64_t total_steps, mote_error *error) {
  ENTER(error, trainer);
  TRY(trainer_check_total(trainer->desc.lr_schedule, total_steps, error));
  const binding *state = &trainer->state->home;
  const uint32_t word = (uint32_t)total_steps;
  TRY(buffer_upload(state->buffer, state->offset + 4 * TRAIN_TOTAL_STEPS, &word, sizeof word, error));
  trainer->desc.total_steps = total_steps;
  return MOTE_OK;
}

mote_trainer_info mote_trainer_get_info(const mote_trainer *trainer) {
  const program_info info = program_get_info(trainer->program);
  const commands_info step = program_get_commands_info(trainer->program, trainer_step(trainer));
  uint64_t parameter_bytes = 0;
  for (int i = 0; i < FLAT_COUNT; i++) parameter_bytes += buffer_bytes(trainer->flat[i]);
  for (int i = 0; i < accumulate_level_count(trainer->desc.accumulate); i++) parameter_bytes += buffer_bytes(trainer->levels[i]);
  const uint64_t drawn = trainer->drawn.slots ? buffer_bytes(trainer->drawn.pixels) + buffer_bytes(trainer->drawn.contexts) : 0;
  return (mote_trainer_info){.dispatches = step.dispatches,
                             .barriers = step.barriers,
                             .parameter_bytes = parameter_bytes,
                             .activation_bytes = info.activations.peak_bytes,
                             .activation_bound = info.activations.bound_bytes,
                             .data_bytes = drawn ? drawn : trainer_data_bytes(trainer, trainer->desc.data.count),
                             .data_on_host = drawn > 0,
                             .memory_bytes = info.memory_bytes + parameter_bytes + drawn,
                             .later_bytes = trainer->later_bytes,
                             .sampled = trainer->sampled};
}

program *trainer_program(mote_trainer *trainer) { return trainer->program; }

sequence trainer_step(const mote_trainer *trainer) { return (sequence){trainer->step, trainer->desc.accumulate + 1}; }
