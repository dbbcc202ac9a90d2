// train_run.c: runs the training steps of `mote train`, with checkpoints, sample grids and reports on the way.
//
// Nothing here changes what is learned: how steps are dealt out over submissions, and when something is measured or
// written, may depend on the clock. Only --minutes does: it moves the end of the learning rate's schedule.
#include "tools/train/train_run.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/error.h"
#include "tools/interrupt.h"
#include "tools/json.h"
#include "tools/progress.h"
#include "tools/train/train_report.h"
#include "tools/train/train_samples.h"
#include "tools/train/train_written.h"

// A submission is meant to take about this long: short enough for Ctrl-C, a lively bar, and drivers that kill what
// holds a device too long; long enough that the waits between submissions do not count.
#define SUBMISSION_SECONDS 0.25
#define CHUNK_MOST 1024  // of mote_trainer_run
#define GRIDS 20         // sample grids of a run
#define VALIDATIONS_A_GRID 4
#define SAVE_SECONDS 60.0
// In the last part of --minutes the number of steps stands, so that the rate can come to its end.
#define SETTLED_SHARE 0.03
#define MOST_STEPS 2000000000u

// Something done every so many steps, or where `steps` is 0, every so many seconds.
typedef struct cadence {
  uint64_t steps;
  double seconds;
  double latest;  // when it was done
  double cost;    // seconds that it took, the most so far
} cadence;

typedef struct work {
  const train_run_desc *desc;
  const train_options *options;
  train_report report;
  train_samples samples;
  cadence validation, grid, save;
  uint64_t first_step, total;  // steps done at the beginning, and at the end of the run
  uint64_t saved_step;         // of the latest checkpoint of this part; 0: none
  double begun, deadline;      // of this part of the run; deadline only with --minutes
  uint64_t warm_step;          // steps done after the first submission, which is slower: pipelines are compiled in it. 0: not yet
  double warm;                 // when it ended
  double seconds_before;       // of training, in earlier parts
  double step_seconds;         // of the latest submission; 0: not known yet
  double computing;            // seconds of all submissions
  float losses[CHUNK_MOST];
} work;

static bool by_clock(const work *w) {
  return w->desc->total_steps == 0;
}

// Someone asked for an end, or nobody reads the lines of --json any more.
static bool ends_early(void) {
  return interrupt_seen() || json_reader_gone();
}

static bool is_due(const cadence *c, uint64_t done, double now) {
  return c->steps ? done % c->steps == 0 : now - c->latest >= c->seconds;
}

static void note_done(cadence *c, double began) {
  c->latest = seconds_now();
  c->cost = fmax(c->cost, c->latest - began);
}

static uint64_t next_multiple(const cadence *c, uint64_t done, uint64_t end) {
  uint64_t next = c->steps ? done - done % c->steps + c->steps : end;
  return next < end ? next : end;
}

static void plan_cadences(work *w) {
  const train_options *o = w->options;
  double grid_seconds = o->minutes * 60 / GRIDS;
  uint64_t grid_steps = by_clock(w) ? 0 : w->total / GRIDS > 0 ? w->total / GRIDS : 1;
  w->grid = (cadence){.steps = o->sample_every > 0 ? (uint64_t)o->sample_every : grid_steps, .seconds = grid_seconds};
  w->validation = (cadence){.steps = (w->grid.steps + VALIDATIONS_A_GRID - 1) / VALIDATIONS_A_GRID,
                            .seconds = grid_seconds / VALIDATIONS_A_GRID};
  w->save = (cadence){.steps = (uint64_t)o->save_every, .seconds = SAVE_SECONDS};
  w->grid.latest = w->validation.latest = w->save.latest = w->begun;
}

// ---------------------------------------------------------------------------------------------------------------------
// The clock

// What the end of the run will take after its last step.
static double reserved(const work *w) {
  return 1.3 * (w->validation.cost + w->grid.cost + w->save.cost) + fmin(SUBMISSION_SECONDS, w->step_seconds);
}

// Seconds for a step of those after the first submission, grids and checkpoints included; 0: not known yet.
static double usual_seconds(const work *w, uint64_t done) {
  return w->warm_step && done > w->warm_step ? (seconds_now() - w->warm) / (double)(done - w->warm_step) : 0;
}

// How many steps fit until the deadline at the speed so far.
static mote_status estimate_total(work *w, uint64_t done, mote_error *error) {
  double span = w->options->minutes * 60, left = w->deadline - reserved(w) - seconds_now(), usual = usual_seconds(w, done);
  if (usual <= 0 || left < SETTLED_SHARE * span) return MOTE_OK;
  double fitting = left / usual;
  w->total = done + 1 + (fitting < MOST_STEPS - done ? (uint64_t)fitting : MOST_STEPS - done);
  return mote_trainer_set_total_steps(w->desc->trainer, w->total, error);
}

static bool time_is_up(const work *w) {
  return by_clock(w) && seconds_now() + reserved(w) >= w->deadline;
}

static double remaining_seconds(const work *w, uint64_t done) {
  if (by_clock(w)) return fmax(0, w->deadline - seconds_now());
  double usual = usual_seconds(w, done);
  return done >= w->total ? 0 : usual > 0 ? usual * (double)(w->total - done) : -1;
}

static double share_done(const work *w, uint64_t done) {
  if (!by_clock(w)) return (double)done / (double)w->total;
  return fmin(1, fmax(0, 1 - remaining_seconds(w, done) / (w->options->minutes * 60)));
}

static int next_chunk(const work *w, uint64_t done) {
  uint64_t end = next_multiple(&w->grid, done, w->total);
  end = next_multiple(&w->validation, done, end);
  end = next_multiple(&w->save, done, end);
  double fitting = w->step_seconds > 0 ? SUBMISSION_SECONDS / w->step_seconds : 1;
  if (fitting < 1) fitting = 1;
  uint64_t most = fitting < CHUNK_MOST ? (uint64_t)fitting : CHUNK_MOST;
  return (int)(end - done < most ? end - done : most);
}

// ---------------------------------------------------------------------------------------------------------------------
// What is done on the way

static void print_file_event(const work *w, const char *event, uint64_t step, const char *path) {
  if (!w->options->base.common.json) return;
  cJSON *json = cJSON_CreateObject();
  cJSON_AddStringToObject(json, "event", event);
  json_add_uint64(json, "step", step);
  cJSON_AddStringToObject(json, "path", path);
  json_print_line(json);
}

// The state last: what --resume finds has its weights beside it.
static mote_status save(work *w, uint64_t done, mote_error *error) {
  double began = seconds_now();
  TRY(train_written_save(w->desc->paths, w->desc->trainer, w->options->output, w->options->half, error));
  TRY(mote_trainer_save_state(w->desc->trainer, w->desc->paths->state, error));
  print_file_event(w, "checkpoint", done, w->desc->paths->state);
  w->saved_step = done;
  note_done(&w->save, began);
  return MOTE_OK;
}

static mote_status draw(work *w, uint64_t done, mote_error *error) {
  double began = seconds_now();
  char path[PATH_MAX];
  if (snprintf(path, sizeof path, "%s/samples-%06" PRIu64 ".png", w->desc->paths->folder, done) >= (int)sizeof path)
    return fail(error, MOTE_ERROR_FILE, "%s: name too long", w->desc->paths->folder);
  TRY(train_report_draw(&w->report, error));
  if (!w->options->network.classifier) {
    TRY(train_samples_write(&w->samples, w->desc->trainer, w->options->seed, path, error));
    print_file_event(w, "samples", done, path);
  }
  note_done(&w->grid, began);
  return MOTE_OK;
}

static mote_status validate(work *w, double *loss, mote_error *error) {
  double began = seconds_now();
  TRY(mote_trainer_validate(w->desc->trainer, loss, error));
  note_done(&w->validation, began);
  return MOTE_OK;
}

static train_chunk begin_chunk(const work *w) {
  return (train_chunk){.steps_before = mote_trainer_steps_done(w->desc->trainer),
                       .losses = w->losses,
                       .lr_before = mote_trainer_learning_rate(w->desc->trainer),
                       .val_loss = NAN};
}

static void end_chunk(work *w, train_chunk *c, double took) {
  uint64_t done = mote_trainer_steps_done(w->desc->trainer);
  double samples = (double)w->options->batch * w->options->accumulate;
  c->count = (int)(done - c->steps_before);
  c->lr_after = mote_trainer_learning_rate(w->desc->trainer);
  c->seconds = w->seconds_before + seconds_now() - w->begun;
  if (c->count) w->step_seconds = took / c->count;
  w->computing += took;
  c->samples_per_s = took > 0 ? c->count * samples / took : 0;
  c->remaining = remaining_seconds(w, done);
  c->share = share_done(w, done);
}

// After a loss that is not finite: the steps before it are good, and so are the weights. The state on the disk stays
// the one of the last checkpoint; the device's is marked as failed.
static mote_status give_up(work *w, train_chunk *c, mote_error *error) {
  end_chunk(w, c, 0);
  c->row = true;
  uint64_t done = mote_trainer_steps_done(w->desc->trainer);
  const char *path = w->options->output;
  char message[sizeof error->message];
  snprintf(message, sizeof message, "%s", error->message);
  train_report_add(&w->report, c, NULL);
  train_report_break(&w->report);
  if (!done || train_written_save(w->desc->paths, w->desc->trainer, path, w->options->half, NULL)) return MOTE_ERROR_DEVICE;
  return fail(error, MOTE_ERROR_DEVICE, "%.330s; %.120s has them", message, path);
}

// One submission, and what is due after it.
static mote_status advance(work *w, mote_error *error) {
  train_chunk c = begin_chunk(w);
  double began = seconds_now();
  mote_status status = mote_trainer_run(w->desc->trainer, next_chunk(w, c.steps_before), w->losses, error);
  if (status == MOTE_ERROR_DEVICE) return give_up(w, &c, error);
  if (status) return status;
  double took = seconds_now() - began, now = seconds_now();
  uint64_t done = mote_trainer_steps_done(w->desc->trainer);
  if (!w->warm_step) {
    w->warm_step = done;
    w->warm = now;
  }
  if (by_clock(w)) TRY(estimate_total(w, done, error));
  bool last = done >= w->total || time_is_up(w), stopping = last || ends_early();
  bool saves = stopping || is_due(&w->save, done, now);
  bool draws = w->options->sample_every && (last || is_due(&w->grid, done, now));
  if (w->desc->validates && (last || is_due(&w->validation, done, now))) TRY(validate(w, &c.val_loss, error));
  end_chunk(w, &c, took);
  c.row = saves || draws;
  TRY(train_report_add(&w->report, &c, error));
  if (saves) TRY(save(w, done, error));
  if (draws && !ends_early()) TRY(draw(w, done, error));
  return MOTE_OK;
}

static mote_status run_steps(work *w, mote_error *error) {
  while (!ends_early() && mote_trainer_steps_done(w->desc->trainer) < w->total && !time_is_up(w))
    TRY(advance(w, error));
  uint64_t done = mote_trainer_steps_done(w->desc->trainer);
  // Ctrl-C may have come after the last submission's checkpoint was decided on, or the run was at its end already.
  if (done != w->saved_step) TRY(save(w, done, error));
  if (ends_early() && train_report_latest(&w->report)) TRY(train_report_draw(&w->report, error));
  return MOTE_OK;
}

static void fill_result(const work *w, train_result *result) {
  uint64_t done = mote_trainer_steps_done(w->desc->trainer);
  double samples = (double)(done - w->first_step) * w->options->batch * w->options->accumulate;
  *result = (train_result){.steps = done,
                           .seconds = w->seconds_before + seconds_now() - w->begun,
                           .loss = train_report_latest(&w->report) ? train_report_latest(&w->report)->loss : NAN,
                           .val_loss = w->report.latest_val_loss,
                           .samples_per_s = w->computing > 0 ? samples / w->computing : 0,
                           .interrupted = ends_early() && done < w->total && !time_is_up(w)};
}

mote_status train_run(const train_run_desc *desc, train_result *result, mote_error *error) {
  work *w = calloc(1, sizeof *w);
  if (!w) return fail(error, MOTE_ERROR_MEMORY, "no memory to train");
  mote_status status = MOTE_OK;
  *w = (work){.desc = desc, .options = desc->options};
  w->first_step = mote_trainer_steps_done(desc->trainer);
  w->total = by_clock(w) ? MOST_STEPS : desc->total_steps;
  train_report_desc report = {.csv_path = desc->paths->log,
                              .curve_path = desc->paths->curve,
                              .resumed_step = w->first_step,
                              .json = desc->options->base.common.json};
  TRY_GOTO(end, train_report_init(&w->report, &report, error));
  w->begun = seconds_now();
  w->seconds_before = train_report_seconds(&w->report);
  w->deadline = desc->started + desc->options->minutes * 60 - w->seconds_before;
  plan_cadences(w);
  status = run_steps(w, error);
  // A log or a picture that cannot be written should not cost the steps since the latest checkpoint.
  if (status == MOTE_ERROR_FILE && mote_trainer_steps_done(desc->trainer) != w->saved_step)
    save(w, mote_trainer_steps_done(desc->trainer), NULL);
  fill_result(w, result);
end:
  train_report_finish(&w->report);
  train_samples_finish(&w->samples);
  free(w);
  return status;
}
