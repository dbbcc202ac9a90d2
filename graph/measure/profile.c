// profile.c: times every dispatch of a step, by the device's timestamps where they tell dispatches apart.
//
// Some drivers write timestamps only when a submission ends. There each dispatch is submitted by itself, in order, so
// that a step's state advances as ever, and the cost of a submission is taken off.
#include "graph/measure/profile.h"

#include <stdlib.h>

typedef struct session {
  const profile_subject *subject;
  program *program;
  profile *out;
  int repeats;
  commands *timed, *whole;
  commands **single;     // one a dispatch; by submission only
  dispatch_time *times;  // of one replay, seconds from its first dispatch's begin
  double *samples;       // [dispatch][repeat]
  double *steps;         // [repeat]
} session;

program *profile_program(const profile_subject *subject) {
  return subject->sampler ? sampler_program(subject->sampler) : trainer_program(subject->trainer);
}

sequence profile_step(const profile_subject *subject) {
  static const stage step[] = {STAGE_STEP};
  return subject->sampler ? (sequence){step, 1} : trainer_step(subject->trainer);
}

static mote_status run(commands *commands, double *seconds, mote_error *error) {
  double from = clock_nanoseconds();
  TRY(commands_run(&commands, 1, 1, error));
  *seconds = (clock_nanoseconds() - from) / 1e9;
  return MOTE_OK;
}

static mote_status begin(const session *s, mote_error *error) {
  if (!s->subject->sampler) return MOTE_OK;
  return mote_sampler_begin(s->subject->sampler, &(mote_sampler_request){0}, error);
}

// One replay by the device's clock; `*sum` is the seconds of all dispatches together.
static mote_status replay_timed(session *s, double *sum, mote_error *error) {
  TRY(begin(s, error));
  TRY(run(s->timed, &s->out->submission, error));
  TRY(commands_read_times(s->timed, s->times, error));
  double start = s->times[0].begin;
  *sum = 0;
  for (int i = 0; i < s->out->count; i++) {
    s->times[i] = (dispatch_time){(s->times[i].begin - start) / 1e9, (s->times[i].end - start) / 1e9};
    *sum += s->times[i].end - s->times[i].begin;
  }
  return MOTE_OK;
}

// One replay in as many submissions as dispatches.
static mote_status replay_single(session *s, double submission, mote_error *error) {
  double at = 0;
  TRY(begin(s, error));
  for (int i = 0; i < s->out->count; i++) {
    double seconds;
    TRY(run(s->single[i], &seconds, error));
    seconds = seconds > submission ? seconds - submission : 0;
    s->times[i] = (dispatch_time){at, at + seconds};
    at += seconds;
  }
  s->out->submission = at;
  return MOTE_OK;
}

// Timestamps tell dispatches apart when the dispatches fill their submission and every one of them took some time.
static mote_status choose_method(session *s, mote_error *error) {
  double sum = 0;
  s->out->by_submission = true;
  if (!mote_device_get_info(s->out->device)->timestamps || s->out->count > MAX_TIMED_DISPATCHES) return MOTE_OK;
  TRY(program_record(s->program, &(program_span){.sequence = profile_step(s->subject), .timed = true}, &s->timed, error));
  for (int i = 0; i < 2; i++) TRY(replay_timed(s, &sum, error));  // the first one warms up
  bool apart = sum > 0.5 * s->out->submission && sum < 1.1 * s->out->submission;
  for (int i = 0; i < s->out->count; i++) apart &= s->times[i].end > s->times[i].begin;
  s->out->by_submission = !apart;
  return MOTE_OK;
}

static mote_status record_single(session *s, mote_error *error) {
  s->single = calloc((size_t)s->out->count, sizeof *s->single);
  if (!s->single) return fail(error, MOTE_ERROR_MEMORY, "out of memory");
  for (int i = 0; i < s->out->count; i++)
    TRY(program_record(s->program, &(program_span){profile_step(s->subject), i, 1, false}, &s->single[i], error));
  return MOTE_OK;
}

static mote_status measure(session *s, mote_error *error) {
  ceilings ceilings = {0};
  TRY(program_record(s->program, &(program_span){.sequence = profile_step(s->subject)}, &s->whole, error));
  TRY(choose_method(s, error));
  if (s->out->by_submission) {
    TRY(record_single(s, error));
    TRY(ceilings_measure_submission(s->out->device, &ceilings, error));
  }
  for (int r = 0; r < s->repeats; r++) {
    double sum;
    TRY(begin(s, error));
    TRY(run(s->whole, &s->steps[r], error));
    TRY(s->out->by_submission ? replay_single(s, ceilings.submission, error) : replay_timed(s, &sum, error));
    for (int i = 0; i < s->out->count; i++) {
      s->samples[i * s->repeats + r] = s->times[i].end - s->times[i].begin;
      s->out->rows[i].begin = s->times[i].begin;
      s->out->rows[i].traced = s->samples[i * s->repeats + r];
    }
  }
  return MOTE_OK;
}

static void session_finish(session *s) {
  for (int i = 0; i < s->out->count && s->single; i++) commands_destroy(&s->single[i]);
  commands_destroy(&s->timed);
  commands_destroy(&s->whole);
  free(s->single);
  free(s->times);
  free(s->samples);
  free(s->steps);
}

mote_status profile_measure(const profile_subject *subject, int repeats, profile *out, mote_error *error) {
  program *program = profile_program(subject);
  const sequence step = profile_step(subject);
  int count = program_dispatch_count(program, step);
  *out = (profile){.device = program_device(program), .count = count, .rows = calloc((size_t)count, sizeof *out->rows)};
  session s = {.subject = subject, .program = program, .out = out, .repeats = repeats,
               .times = calloc((size_t)count, sizeof *s.times),
               .samples = calloc((size_t)count * (size_t)repeats, sizeof *s.samples),
               .steps = calloc((size_t)repeats, sizeof *s.steps)};
  mote_status status = out->rows && s.times && s.samples && s.steps
                           ? MOTE_OK : fail(error, MOTE_ERROR_MEMORY, "out of memory");
  if (!status) status = measure(&s, error);
  for (int i = 0; i < count && !status; i++) {
    out->rows[i].work = program_get_work(program, step, i);
    out->rows[i].seconds = median(s.samples + i * repeats, repeats);
  }
  if (!status) out->step = median(s.steps, repeats);
  session_finish(&s);
  if (status) profile_finish(out);
  return status;
}

void profile_finish(profile *profile) {
  free(profile->rows);
  *profile = (struct profile){0};
}
