// trial.c: tries shaders in place of embedded ones: whether they compute the same, and how fast.
//
// Each dispatch runs twice on the same bytes. What the embedded kernel wrote stays for the dispatches after it, so that a
// fault shows where it is and nowhere else.
#include "graph/measure/trial.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { ROUNDS = 2 };  // of timing

typedef struct session {
  const profile_subject *subject;
  program *program;
  mote_device *device;
  const shader *shaders;
  size_t count;
  int repeats;
  trial *out;
} session;

// The content of all tensors that a dispatch binds.
typedef struct snapshot {
  unsigned char *bytes[MAX_BINDINGS];  // NULL where nothing is bound
} snapshot;

static void snapshot_finish(snapshot *s) {
  for (int i = 0; i < MAX_BINDINGS; i++) free(s->bytes[i]);
  *s = (snapshot){{NULL}};
}

static mote_status snapshot_take(snapshot *s, const launch *launch, mote_error *error) {
  for (uint32_t i = 0; i < launch->binding_count; i++) {
    const tensor *tensor = launch->bindings[i];
    if (!tensor) continue;
    s->bytes[i] = malloc(tensor_bytes(tensor));
    if (!s->bytes[i]) return fail(error, MOTE_ERROR_MEMORY, "out of memory");
    TRY(buffer_download(tensor->home.buffer, tensor->home.offset, s->bytes[i], tensor_bytes(tensor), error));
  }
  return MOTE_OK;
}

static mote_status snapshot_restore(const snapshot *s, const launch *launch, mote_error *error) {
  for (uint32_t i = 0; i < launch->binding_count; i++) {
    const tensor *tensor = launch->bindings[i];
    if (tensor) TRY(buffer_upload(tensor->home.buffer, tensor->home.offset, s->bytes[i], tensor_bytes(tensor), error));
  }
  return MOTE_OK;
}

static double relative(double difference, double largest) {
  if (difference == 0) return 0;
  return largest > 0 ? difference / largest : INFINITY;
}

// Into `row` if it is worse than what is there.
static void compare(trial_row *row, const program_work *work, const tensor *tensor, const unsigned char *wanted,
                    const unsigned char *found) {
  double difference = 0, largest = 0;
  for (size_t at = 0; at < tensor_bytes(tensor); at += sizeof(float)) {
    float a, b;
    memcpy(&a, wanted + at, sizeof a);
    memcpy(&b, found + at, sizeof b);
    if (isfinite(a)) largest = fmax(largest, fabs((double)a));
    if (memcmp(wanted + at, found + at, sizeof a) == 0) continue;  // integers and what is not a number too
    double here = fabs((double)a - (double)b);
    difference = fmax(difference, isfinite(here) ? here : INFINITY);
  }
  if (row->layer && relative(difference, largest) <= relative(row->difference, row->largest)) return;
  row->difference = difference;
  row->largest = largest;
  row->layer = work->label;
}

static trial_row *row_of(const session *s, const char *kernel) {
  for (size_t i = 0; i < s->count; i++)
    if (strcmp(s->shaders[i].name, kernel) == 0) return &s->out->rows[i];
  return NULL;
}

static mote_status begin(const session *s, mote_error *error) {
  if (!s->subject->sampler) return MOTE_OK;
  return mote_sampler_begin(s->subject->sampler, &(mote_sampler_request){0}, error);
}

static mote_status run_one(const session *s, int index, bool replaced, mote_error *error) {
  commands *commands = NULL;
  device_set_shaders(s->device, replaced ? s->shaders : NULL, replaced ? s->count : 0);
  mote_status status = program_record(s->program, &(program_span){profile_step(s->subject), index, 1, false}, &commands, error);
  if (!status) status = commands_run(&commands, 1, 1, error);
  commands_destroy(&commands);
  device_set_shaders(s->device, NULL, 0);
  return status;
}

static mote_status check_one(const session *s, int index, trial_row *row, mote_error *error) {
  const launch *launch = program_get_launch(s->program, profile_step(s->subject), index);
  const program_work work = program_get_work(s->program, profile_step(s->subject), index);
  snapshot before = {{NULL}}, wanted = {{NULL}}, found = {{NULL}};
  mote_status status = MOTE_OK;
  TRY_GOTO(end, snapshot_take(&before, launch, error));
  TRY_GOTO(end, run_one(s, index, false, error));
  TRY_GOTO(end, snapshot_take(&wanted, launch, error));
  TRY_GOTO(end, snapshot_restore(&before, launch, error));
  TRY_GOTO(end, run_one(s, index, true, error));
  TRY_GOTO(end, snapshot_take(&found, launch, error));
  TRY_GOTO(end, snapshot_restore(&wanted, launch, error));
  row->dispatches++;
  for (uint32_t i = 0; i < launch->binding_count; i++)
    if (launch->bindings[i]) compare(row, &work, launch->bindings[i], wanted.bytes[i], found.bytes[i]);
end:
  snapshot_finish(&before);
  snapshot_finish(&wanted);
  snapshot_finish(&found);
  return status;
}

static mote_status check(const session *s, mote_error *error) {
  TRY(begin(s, error));
  for (int i = 0; i < program_dispatch_count(s->program, profile_step(s->subject)); i++) {
    trial_row *row = row_of(s, program_get_launch(s->program, profile_step(s->subject), i)->shader);
    TRY(row ? check_one(s, i, row, error) : run_one(s, i, false, error));
  }
  return MOTE_OK;
}

static void keep_least(double *kept, double seconds, int round) {
  if (round == 0 || seconds < *kept) *kept = seconds;
}

static mote_status time_one(const session *s, bool replaced, int round, mote_error *error) {
  profile profile;
  device_set_shaders(s->device, replaced ? s->shaders : NULL, replaced ? s->count : 0);
  mote_status status = profile_measure(s->subject, s->repeats, &profile, error);
  device_set_shaders(s->device, NULL, 0);
  if (status) return status;
  keep_least(replaced ? &s->out->replaced : &s->out->embedded, profile.step, round);
  for (size_t k = 0; k < s->count; k++) {
    double sum = 0;
    for (int i = 0; i < profile.count; i++)
      if (strcmp(profile.rows[i].work.kernel, s->shaders[k].name) == 0) sum += profile.rows[i].seconds;
    keep_least(replaced ? &s->out->rows[k].replaced : &s->out->rows[k].embedded, sum, round);
  }
  profile_finish(&profile);
  return MOTE_OK;
}

mote_status trial_measure(const profile_subject *subject, const shader *shaders, size_t count, int repeats, trial *out,
                          mote_error *error) {
  program *program = profile_program(subject);
  *out = (trial){.rows = calloc(count + 1, sizeof *out->rows), .count = count};
  if (!out->rows) return fail(error, MOTE_ERROR_MEMORY, "out of memory");
  const session s = {subject, program, program_device(program), shaders, count, repeats, out};
  for (size_t i = 0; i < count; i++) out->rows[i].kernel = shaders[i].name;
  mote_status status = check(&s, error);
  for (int i = 0; i < 2 * ROUNDS && !status; i++) status = time_one(&s, i % 2, i / 2, error);
  if (status) trial_finish(out);
  return status;
}

void trial_finish(trial *trial) {
  free(trial->rows);
  *trial = (struct trial){0};
}

bool trial_passed(const trial_row *row) { return row->difference <= TRIAL_TOLERANCE * row->largest; }
