// sample_run.c: denoises the images of a run, batch after batch, until all are done or Ctrl-C is pressed.
#include "tools/sample/sample_run.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/error.h"
#include "tools/images/image.h"
#include "tools/interrupt.h"
#include "tools/progress.h"
#include "tools/sample/heap.h"

// A submission is meant to take about this long: short enough for a lively progress bar, for Ctrl-C, and for drivers
// that kill what holds a device too long; long enough that the waits between submissions do not count.
#define SUBMISSION_SECONDS 0.25

// What the functions below share while a run is under way.
typedef struct sample_work {
  sample_run *run;
  const sample_run_desc *desc;
  size_t image_size;  // numbers of an image
  progress progress;
  double step_seconds;  // of the latest submission; 0: not known yet
  float *noise;         // with a course: base, other and one batch's x; see follow_course
} sample_work;

static mote_status allocate_results(sample_work *w, mote_error *error) {
  sample_run *run = w->run;
  size_t total = (size_t)w->desc->count * w->image_size;
  bool missing = false;
  if (w->desc->want_pixels) missing |= !(run->pixels = malloc(total));
  if (w->desc->want_images) missing |= !(run->images = malloc(total * sizeof *run->images));
  if (w->desc->want_frames) {
    run->frame_count = run->steps + 1 < SAMPLE_FRAMES_MAX ? run->steps + 1 : SAMPLE_FRAMES_MAX;
    for (int f = 0; f < run->frame_count; f++) missing |= !(run->frames[f] = malloc(total));
  }
  if (w->desc->course.kind)
    missing |= !(w->noise = malloc(3 * (size_t)w->desc->batch * w->image_size * sizeof *w->noise));
  if (missing) return fail(error, MOTE_ERROR_MEMORY, "-n: no memory for %d images", w->desc->count);
  return MOTE_OK;
}

// The step after which frame f is taken: 0 for the first, the last step for the last.
static int frame_step(const sample_run *run, int f) { return (int)((int64_t)f * run->steps / (run->frame_count - 1)); }

// How many steps to submit at once so that it takes SUBMISSION_SECONDS, up to step `end`.
static int next_step_count(const sample_work *w, int done, int end) {
  int remaining = end - done;
  if (w->step_seconds <= 0) return 1;
  double fitting = SUBMISSION_SECONDS / w->step_seconds;
  if (fitting < 1) return 1;
  return fitting < remaining ? (int)fitting : remaining;
}

// Runs the batch that began at image `offset` up to step `end`, or until Ctrl-C.
static mote_status run_to_step(sample_work *w, mote_sampler *sampler, int offset, int count, int end,
                               mote_error *error) {
  int done = mote_sampler_steps_done(sampler);
  while (done < end && !interrupt_seen()) {
    int step_count = next_step_count(w, done, end);
    double started = seconds_now();
    TRY(mote_sampler_run(sampler, step_count, error));
    w->step_seconds = (seconds_now() - started) / step_count;
    done = mote_sampler_steps_done(sampler);
    progress_update(&w->progress, (uint64_t)offset * (uint64_t)w->run->steps + (uint64_t)count * (uint64_t)done);
  }
  return MOTE_OK;
}

// Runs the batch to its end with a look at every frame's step. Frames that Ctrl-C prevented show where it ended.
static mote_status run_with_frames(sample_work *w, mote_sampler *sampler, int offset, int count, mote_error *error) {
  sample_run *run = w->run;
  int taken = 0;
  for (int f = 0; f < run->frame_count; f++) {
    uint8_t *pixels = run->frames[f] + (size_t)offset * w->image_size;
    if (taken && interrupt_seen() && mote_sampler_steps_done(sampler) < frame_step(run, f)) {
      memcpy(pixels, run->frames[taken - 1] + (size_t)offset * w->image_size, (size_t)count * w->image_size);
      continue;
    }
    TRY(run_to_step(w, sampler, offset, count, frame_step(run, f), error));
    TRY(mote_sampler_read_pixels(sampler, pixels, error));
    taken = f + 1;
  }
  // Ctrl-C in the first batch: a shorter animation rather than one that stands still.
  if (offset == 0 && taken < run->frame_count) {
    for (int f = taken; f < run->frame_count; f++) free(run->frames[f]);
    memset(run->frames + taken, 0, (size_t)(run->frame_count - taken) * sizeof *run->frames);
    run->frame_count = taken;
  }
  return MOTE_OK;
}

// Along the arc between two vectors of normal noise (spherical interpolation, Shoemake 1985): every point of it is as long
// as noise is, which those of the straight line are not. Shares 0 and 1 give the ends to the bit.
static void mix_noise(const float *from, const float *to, double share, size_t count, float *out) {
  double dot = 0, from_square = 0, to_square = 0;
  for (size_t i = 0; i < count; i++) {
    dot += (double)from[i] * to[i];
    from_square += (double)from[i] * from[i];
    to_square += (double)to[i] * to[i];
  }
  double cosine = dot / sqrt(from_square * to_square), angle = acos(fmax(-1, fmin(1, cosine)));
  double from_part = 1 - share, to_part = share;
  if (sin(angle) > 1e-6) {
    from_part = sin((1 - share) * angle) / sin(angle);
    to_part = sin(share * angle) / sin(angle);
  }
  for (size_t i = 0; i < count; i++) out[i] = (float)(from_part * from[i] + to_part * to[i]);
}

// The noise that a run of `request` would start from, as the device draws it.
static mote_status draw_noise(mote_sampler *sampler, uint64_t seed, uint32_t first, float *noise, mote_error *error) {
  TRY(mote_sampler_begin(sampler, &(mote_sampler_request){.seed = seed, .first_sample = first}, error));
  return mote_sampler_read(sampler, noise, error);
}

// x for the images of a batch, in the third of the three parts of w->noise, as large as a full batch each.
static mote_status follow_course(sample_work *w, mote_sampler *sampler, int offset, int count, const float **x,
                                 mote_error *error) {
  const sample_run_desc *desc = w->desc;
  const sample_course *course = &desc->course;
  size_t part = (size_t)desc->batch * w->image_size;
  float *base = w->noise, *other = base + part, *mixed = other + part;
  TRY(draw_noise(sampler, desc->seed, desc->first, base, error));
  if (course->kind == COURSE_TO_SEED) TRY(draw_noise(sampler, course->to_seed, desc->first, other, error));
  if (course->kind == COURSE_VARY) TRY(draw_noise(sampler, desc->seed, desc->first + (uint32_t)offset, other, error));
  for (int i = 0; i < count; i++) {
    float *out = mixed + (size_t)i * w->image_size;
    if (course->kind == COURSE_ONE) memcpy(out, base, w->image_size * sizeof *out);
    if (course->kind == COURSE_TO_SEED)
      mix_noise(base, other, (double)(offset + i) / (desc->count - 1), w->image_size, out);
    if (course->kind == COURSE_VARY)
      mix_noise(base, other + (size_t)i * w->image_size, course->share, w->image_size, out);
  }
  *x = mixed;
  return MOTE_OK;
}

static mote_status run_batch(sample_work *w, mote_sampler *sampler, int offset, int count, mote_error *error) {
  const sample_run_desc *desc = w->desc;
  sample_run *run = w->run;
  size_t at = (size_t)offset * w->image_size;
  const mote_model_info *model = mote_model_get_info(desc->model);
  size_t context_size = (size_t)model->n_cfeat;
  mote_sampler_request request = {
      .seed = desc->seed,
      .first_sample = desc->first + (uint32_t)offset,
      .context = desc->contexts ? desc->contexts + (size_t)offset * context_size : NULL,
      .avoid = desc->avoid ? desc->avoid + (size_t)offset * context_size : NULL,
      .x_init = desc->x ? desc->x + at : NULL,
      .init = desc->init ? desc->init + at : NULL,
      .mask = desc->mask ? desc->mask + (size_t)offset * image_area(image_size_of(model)) : NULL,
  };
  if (desc->course.kind) TRY(follow_course(w, sampler, offset, count, &request.x_init, error));
  TRY(mote_sampler_begin(sampler, &request, error));
  TRY(run->frame_count ? run_with_frames(w, sampler, offset, count, error)
                       : run_to_step(w, sampler, offset, count, run->steps, error));
  int done = mote_sampler_steps_done(sampler);
  if (done == 0) return MOTE_OK;
  if (run->pixels) TRY(mote_sampler_read_pixels(sampler, run->pixels + at, error));
  if (run->images) TRY(mote_sampler_read(sampler, run->images + at, error));
  run->steps_done = done;
  run->begun = offset + count;
  if (done == run->steps) run->finished = run->begun;
  return MOTE_OK;
}

// A sampler is made for one batch size; what is left over at the end gets a smaller one of its own.
static mote_status run_batches(sample_work *w, mote_sampler **sampler, mote_sampler_desc sampler_desc,
                               mote_error *error) {
  int count = w->desc->count;
  for (int offset = 0; offset < count && !interrupt_seen(); offset += sampler_desc.batch) {
    if (count - offset < sampler_desc.batch) {
      sampler_desc.batch = count - offset;
      mote_sampler_destroy(sampler);
      TRY(mote_sampler_create(&sampler_desc, sampler, error));
    }
    TRY(run_batch(w, *sampler, offset, sampler_desc.batch, error));
  }
  return MOTE_OK;
}

mote_status sample_run_init(sample_run *run, const sample_run_desc *desc, mote_error *error) {
  *run = (sample_run){.count = desc->count};
  const mote_model_info *model = mote_model_get_info(desc->model);
  sample_work work = {.run = run, .desc = desc};
  work.image_size = image_values(image_size_of(model));
  mote_sampler_desc sampler_desc = desc->sampler;
  sampler_desc.model = desc->model;
  sampler_desc.batch = desc->batch;
  mote_sampler *sampler = NULL;
  double started = 0;
  mote_status status = MOTE_OK;
  TRY_GOTO(end, mote_sampler_create(&sampler_desc, &sampler, error));
  heap_trim();
  run->info = mote_sampler_get_info(sampler);
  run->steps = mote_sampler_step_count(sampler);
  TRY_GOTO(end, allocate_results(&work, error));
  progress_init(&work.progress, &(progress_desc){.verb = "sampling",
                                                 .unit = "images",
                                                 .unit_count = (uint64_t)desc->count,
                                                 .total = (uint64_t)desc->count * (uint64_t)run->steps,
                                                 .json = desc->json});
  started = seconds_now();
  status = run_batches(&work, &sampler, sampler_desc, error);
  run->seconds = seconds_now() - started;
  progress_finish(&work.progress);
end:
  mote_sampler_destroy(&sampler);
  free(work.noise);
  if (status) sample_run_finish(run);
  return status;
}

void sample_run_finish(sample_run *run) {
  free(run->pixels);
  free(run->images);
  for (int f = 0; f < SAMPLE_FRAMES_MAX; f++) free(run->frames[f]);
  *run = (sample_run){0};
}
