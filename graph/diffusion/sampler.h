// sampler.h: what a sampler and its recorded form share.
#ifndef MOTE_GRAPH_DIFFUSION_SAMPLER_H
#define MOTE_GRAPH_DIFFUSION_SAMPLER_H

#include "graph/compile/program.h"
#include "graph/nets/model.h"

typedef struct recording recording;

struct mote_sampler {
  mote_model *model;
  mote_sampler_desc desc;  // without zeros for defaults
  program *program;
  tensor *x, *context, *step;
  tensor *init, *mask;   // of an edit, else NULL
  float *contexts;       // room for those of a guided request, those to avoid, and those without an attribute; NULL: not guided
  int apart[MOTE_MAX_ATTRIBUTES], apart_count;  // attributes with a guidance of their own
  int row_count;         // of a whole run
  recording *recording;  // NULL unless desc.recorded
  int steps_done;
  bool begun;
  bool prepared;         // STAGE_PREPARE has run, for the model's weights as of prepared_version
  uint64_t prepared_version;
};

// What mote_sampler_create would take; adds to `needs`. Of the model weights are not asked.
mote_status sampler_measure(const mote_sampler_desc *desc, program_needs *needs, mote_error *error);

// What it replays, for profiles.
program *sampler_program(mote_sampler *sampler);

// How a run reaches the device: at once, or by a host's command buffers.
typedef struct sampler_route {
  mote_status (*write)(void *user, tensor *tensor, const void *rows, mote_error *error);  // rows NULL: zeros
  mote_status (*replay)(void *user, sequence sequence, int times, mote_error *error);
  void *user;
} sampler_route;

// A run's start, and its next `step_count` steps, which may be none, by either route.
mote_status sampler_begin(mote_sampler *sampler, const mote_sampler_request *request, const sampler_route *route,
                          mote_error *error);
mote_status sampler_advance(mote_sampler *sampler, int step_count, const sampler_route *route, mote_error *error);

// Steps that are left of the run; 0 where none has begun.
int sampler_steps_left(const mote_sampler *sampler);

// sampler_record.c: what recording takes beyond the sampler.
mote_status recording_create(const mote_sampler *sampler, recording **out, mote_error *error);
void recording_destroy(recording **recording);
mote_status recording_measure(const mote_sampler *sampler, program_needs *needs, mote_error *error);

#endif
