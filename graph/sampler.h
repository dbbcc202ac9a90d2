// sampler.h: what a sampler and its recorded form share.
#ifndef MOTE_GRAPH_SAMPLER_H
#define MOTE_GRAPH_SAMPLER_H

#include "graph/model.h"
#include "graph/program.h"

typedef struct recording recording;

struct mote_sampler {
  mote_model *model;
  mote_sampler_desc desc;  // without zeros for defaults
  program *program;
  tensor *x, *context, *step;
  tensor *init, *mask;   // of an edit, else NULL
  float *contexts;       // room for those of a guided request and those to avoid; NULL: not guided
  int row_count;         // of a whole run
  recording *recording;  // NULL unless desc.recorded
  int steps_done;
  bool begun;
};

// How a request reaches the device: at once, or by a command buffer. `rows` NULL: zeros.
typedef struct sampler_writer {
  mote_status (*write)(void *user, tensor *tensor, const void *rows, mote_error *error);
  void *user;
} sampler_writer;

// Writes everything of a request that PHASE_ONCE reads; x_init is written behind it.
mote_status sampler_write_request(const mote_sampler *sampler, const mote_sampler_request *request,
                                  const sampler_writer *writer, mote_error *error);

// recording.c: what recording takes beyond the sampler.
mote_status recording_create(const mote_sampler *sampler, recording **out, mote_error *error);
void recording_destroy(recording **recording);
mote_status recording_measure(const mote_model_info *info, mote_device *device, int batch, program_needs *needs,
                              mote_error *error);

#endif
