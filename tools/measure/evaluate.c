// evaluate.c: loss by noise level, distances to the nearest training image, and a classifier's judgement.
#include "tools/measure/evaluate.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "graph/diffusion/schedule.h"
#include "graph/nets/network.h"
#include "runtime/error.h"
#include "tools/interrupt.h"
#include "tools/progress.h"
#include "tools/sample/sample_run.h"

enum { BATCH = 64, COPY_QUANTILE = 20 };  // a sample is a copy if it is nearer than 1 in 20 held-out images

int level_timestep(int timesteps, int level) {
  int t = 1 + (2 * level + 1) * timesteps / (2 * EVALUATE_LEVELS);
  return t < timesteps ? t : timesteps;
}

// ---------------------------------------------------------------------------------------------------------------------
// Loss

typedef struct loss_work {
  const evaluate_desc *desc;
  const mote_model_info *model;
  noising *noisings;
  size_t each;  // values of an image
  float *x, *target, *output, *context;  // of a batch
  int32_t *steps;
  double *losses;  // levels × images
  progress progress;
  uint64_t done;
} loss_work;

static mote_status allocate(loss_work *w, uint32_t most, mote_error *error) {
  w->noisings = malloc(((size_t)w->model->timesteps + 1) * sizeof *w->noisings);
  w->x = malloc(BATCH * w->each * sizeof *w->x);
  w->target = malloc(BATCH * w->each * sizeof *w->target);
  w->output = malloc(BATCH * w->each * sizeof *w->output);
  w->context = malloc(BATCH * (size_t)network_context_count(w->model) * sizeof *w->context);
  w->steps = malloc(BATCH * sizeof *w->steps);
  w->losses = malloc((size_t)most * EVALUATE_LEVELS * sizeof *w->losses);
  if (!w->noisings || !w->x || !w->target || !w->output || !w->context || !w->steps || !w->losses)
    return fail(error, MOTE_ERROR_MEMORY, "no memory to evaluate %u images", (unsigned)most);
  schedule_noisings(w->model, w->noisings);
  return MOTE_OK;
}

static void release(loss_work *w) {
  free(w->noisings);
  free(w->x);
  free(w->target);
  free(w->output);
  free(w->context);
  free(w->steps);
  free(w->losses);
}

// The k-th of `count` images that are spread over a set.
static uint32_t spread(const dataset *set, uint32_t count, uint32_t k) {
  return (uint32_t)((uint64_t)k * set->count / count);
}

// Row `row` of the batch: an image at noise level t, with noise of its own that is the same for all models.
static void noise_image(loss_work *w, const dataset *set, uint32_t index, int t, int row) {
  schedule_noise_image(w->model, &(noised_image){.noising = w->noisings[t],
                                                 .pixels = set->pixels + (size_t)index * w->each,
                                                 .index = index,
                                                 .seed = w->desc->seed + (uint64_t)t,
                                                 .x = w->x + (size_t)row * w->each,
                                                 .target = w->target + (size_t)row * w->each});
  dataset_write_context(set, index, w->context + (size_t)row * (size_t)network_context_count(w->model));
  w->steps[row] = t - network_timestep(w->model, 0);
}

static mote_status judge_batch(loss_work *w, const dataset *set, uint32_t count, uint32_t first, int level,
                               mote_error *error) {
  int batch = count - first < BATCH ? (int)(count - first) : BATCH;
  int t = level_timestep(w->model->timesteps, level);
  for (int row = 0; row < batch; row++) noise_image(w, set, spread(set, count, first + (uint32_t)row), t, row);
  const mote_forward_desc forward = {.batch = batch, .x = w->x, .steps = w->steps, .context = w->context};
  TRY(mote_model_forward(w->desc->model, &forward, w->output, error));
  for (int row = 0; row < batch; row++) {
    double sum = 0;
    for (size_t i = (size_t)row * w->each; i < ((size_t)row + 1) * w->each; i++)
      sum += ((double)w->output[i] - w->target[i]) * ((double)w->output[i] - w->target[i]);
    if (!isfinite(sum))
      return fail(error, MOTE_ERROR_DEVICE, "%s: the loss at timestep %d is not finite: its weights are none that were learned, or "
                  "the device does not compute as it should", w->desc->name, t);
    w->losses[(size_t)level * count + first + (uint32_t)row] = sum / (double)w->each;
  }
  progress_update(&w->progress, w->done += (uint64_t)batch);
  return MOTE_OK;
}

static mote_status judge_set(loss_work *w, const dataset *set, uint32_t count, evaluate_loss *loss, mote_error *error) {
  for (int level = 0; level < EVALUATE_LEVELS; level++)
    for (uint32_t first = 0; first < count; first += BATCH) {
      if (interrupt_seen()) return MOTE_OK;
      TRY(judge_batch(w, set, count, first, level, error));
    }
  loss->images = count;
  for (int level = 0; level < EVALUATE_LEVELS; level++)
    loss->level[level] = estimate_mean(w->losses + (size_t)level * count, count);
  // Levels of one image are no independent draws: an image's mean over them is one.
  for (uint32_t i = 0; i < count; i++) {
    for (int level = 1; level < EVALUATE_LEVELS; level++) w->losses[i] += w->losses[(size_t)level * count + i];
    w->losses[i] /= EVALUATE_LEVELS;
  }
  loss->all = estimate_mean(w->losses, count);
  return MOTE_OK;
}

static mote_status measure_losses(const evaluate_desc *desc, evaluation *result, mote_error *error) {
  const mote_model_info *model = mote_model_get_info(desc->model);
  loss_work work = {.desc = desc, .model = model};
  work.each = image_values(image_size_of(model));
  uint32_t count = desc->held_out->count, seen = desc->train->count < count ? desc->train->count : count;
  mote_status status = allocate(&work, count, error);
  progress_init(&work.progress, &(progress_desc){.verb = "judging",
                                                 .unit = "images",
                                                 .unit_count = count + seen,
                                                 .total = (uint64_t)(count + seen) * EVALUATE_LEVELS,
                                                 .json = desc->json});
  if (!status) status = judge_set(&work, desc->held_out, count, &result->held_out, error);
  if (!status) status = judge_set(&work, desc->train, seen, &result->train, error);
  progress_finish(&work.progress);
  release(&work);
  return status;
}

// ---------------------------------------------------------------------------------------------------------------------
// Distances

// To the nearest image of `set` or its mirror image: root of the mean square.
static double nearest(const dataset *set, const uint8_t *image) {
  const size_t width = (size_t)set->size.width, height = (size_t)set->size.height, channels = (size_t)set->size.channels;
  const size_t each = image_values(set->size);
  int64_t least = INT64_MAX;
  for (uint32_t k = 0; k < set->count; k++) {
    const uint8_t *other = set->pixels + (size_t)k * each;
    int64_t straight = 0, mirrored = 0;
    for (size_t y = 0; y < height; y++)
      for (size_t x = 0; x < width; x++)
        for (size_t c = 0; c < channels; c++) {
          int value = image[(y * width + x) * channels + c];
          int there = value - other[(y * width + x) * channels + c];
          int opposite = value - other[(y * width + width - 1 - x) * channels + c];
          straight += there * there;
          mirrored += opposite * opposite;
        }
    if (straight < least) least = straight;
    if (mirrored < least) least = mirrored;
  }
  return sqrt((double)least / (double)each);
}

static int compare_doubles(const void *a, const void *b) {
  double first = *(const double *)a, second = *(const double *)b;
  return (first > second) - (first < second);
}

static double median(const double *sorted, size_t count) {
  return (sorted[(count - 1) / 2] + sorted[count / 2]) / 2;
}

static mote_status compare_distances(const evaluate_desc *desc, const uint8_t *samples, evaluation *result,
                                     mote_error *error) {
  const dataset *train = desc->train, *held_out = desc->held_out;
  size_t each = image_values(train->size);
  size_t held_count = held_out->count, count = (size_t)desc->samples;
  double *held = malloc(held_count * sizeof *held), *distances = malloc(count * sizeof *distances);
  double *copies = malloc(count * sizeof *copies);
  mote_status status = MOTE_OK;
  if (held && distances && copies) {
    for (size_t i = 0; i < held_count; i++) held[i] = nearest(train, held_out->pixels + i * each);
    for (size_t i = 0; i < count; i++) distances[i] = nearest(train, samples + i * each);
    qsort(held, held_count, sizeof *held, compare_doubles);
    for (size_t i = 0; i < count; i++) copies[i] = distances[i] < held[held_count / COPY_QUANTILE];
    qsort(distances, count, sizeof *distances, compare_doubles);
    result->samples = desc->samples;
    result->held_out_distance = median(held, held_count);
    result->sample_distance = median(distances, count);
    result->copies = estimate_mean(copies, count);
  } else {
    status = fail(error, MOTE_ERROR_MEMORY, "no memory to compare %zu samples", count);
  }
  free(held);
  free(distances);
  free(copies);
  return status;
}

static mote_status measure_samples(const evaluate_desc *desc, evaluation *result, mote_error *error) {
  const mote_model_info *model = mote_model_get_info(desc->model);
  size_t length = (size_t)network_context_count(model);
  float *contexts = calloc((size_t)desc->samples * length, sizeof *contexts);
  if (!contexts) return fail(error, MOTE_ERROR_MEMORY, "no memory for %d samples", desc->samples);
  // One class after the other, or what the images say that are spread over all.
  for (int i = 0; i < desc->samples; i++) {
    const dataset *set = desc->train;
    if (set->contexts)
      dataset_write_context(set, spread(set, (uint32_t)desc->samples, (uint32_t)i), contexts + (size_t)i * length);
    else if (set->class_count)
      contexts[(size_t)i * length + (size_t)(i % set->class_count)] = 1;
  }
  sample_run run;
  mote_status status = sample_run_init(&run,
                                       &(sample_run_desc){.model = desc->model,
                                                          .sampler = desc->sampler,
                                                          .count = desc->samples,
                                                          .batch = desc->samples < BATCH ? desc->samples : BATCH,
                                                          .seed = desc->seed,
                                                          .contexts = contexts,
                                                          .want_pixels = true,
                                                          .json = desc->json},
                                       error);
  free(contexts);
  if (status) return status;
  result->steps = run.steps;
  bool done = run.finished == desc->samples;
  if (done) status = compare_distances(desc, run.pixels, result, error);
  result->judged = done && desc->classifier;
  if (!status && result->judged)
    status = judge(&(judge_desc){.classifier = desc->classifier,
                                 .train = desc->train,
                                 .held_out = desc->held_out,
                                 .samples = run.pixels,
                                 .count = desc->samples,
                                 .seed = desc->seed},
                   &result->judgement, error);
  if (!status && result->judged && !(isfinite(result->judgement.frechet.mean) && isfinite(result->judgement.held_out_frechet.mean)))
    status = fail(error, MOTE_ERROR_DEVICE, "the classifier's features of the images are not finite");
  sample_run_finish(&run);
  return status;
}

mote_status evaluate(const evaluate_desc *desc, evaluation *result, mote_error *error) {
  *result = (evaluation){0};
  double started = seconds_now();
  TRY(measure_losses(desc, result, error));
  if (!interrupt_seen()) TRY(measure_samples(desc, result, error));
  result->seconds = seconds_now() - started;
  result->interrupted = interrupt_seen();
  return MOTE_OK;
}
