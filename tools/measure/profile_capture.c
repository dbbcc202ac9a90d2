// profile_capture.c: one warm step of a sampler or trainer as a RenderDoc capture.
#include "tools/measure/profile_capture.h"

#include <stdlib.h>

#include "graph/files/npy.h"
#include "shaders/train_state.h"

static mote_status begin(const profile_subject *subject, mote_error *error) {
  if (!subject->sampler) return MOTE_OK;
  return mote_sampler_begin(subject->sampler, &(mote_sampler_request){0}, error);
}

mote_status profile_capture(renderdoc *renderdoc, const profile_subject *subject, const char *path, mote_error *error) {
  TRY(begin(subject, error));
  TRY(program_run(profile_program(subject), profile_step(subject), 1, error));
  TRY(begin(subject, error));
  TRY(renderdoc_start(renderdoc, path, error));
  mote_status status = program_run(profile_program(subject), profile_step(subject), 1, error);
  if (!status) status = renderdoc_end(renderdoc, error);
  if (status) renderdoc_discard(renderdoc);
  return status;
}

static mote_status write_images(mote_sampler *sampler, const char *path, mote_error *error) {
  const tensor *x = graph_find(program_graph(sampler_program(sampler)), "x");
  shape s = x->shape;
  float *images = malloc(tensor_elements(x) * sizeof *images);
  if (!images) return fail(error, MOTE_ERROR_MEMORY, "out of memory");
  mote_status status = mote_sampler_read(sampler, images, error);
  const uint64_t dims[] = {(uint64_t)s.n, (uint64_t)s.c, (uint64_t)s.h, (uint64_t)s.w};
  if (!status) status = npy_write_float(path, dims, 4, images, error);
  free(images);
  return status;
}

mote_status profile_capture_write(const profile_subject *subject, const char *path, mote_error *error) {
  if (subject->sampler) return write_images(subject->sampler, path, error);
  program *program = trainer_program(subject->trainer);
  const graph *graph = program_graph(program);
  uint32_t state[TRAIN_WORDS];
  float losses[TRAIN_RING];
  TRY(program_read(program, graph_find(graph, "state"), state, error));
  TRY(program_read(program, graph_find(graph, "ring"), losses, error));
  return npy_write_float(path, (uint64_t[]){1}, 1, &losses[(state[TRAIN_STEPS] - 1) % TRAIN_RING], error);
}
