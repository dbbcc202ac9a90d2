// sample_run.h: denoises the images of a run, batch after batch, until all are done or Ctrl-C is pressed.
#ifndef MOTE_TOOLS_SAMPLE_RUN_H
#define MOTE_TOOLS_SAMPLE_RUN_H

#include "mote.h"

#define SAMPLE_FRAMES_MAX 40

typedef struct sample_run_desc {
  mote_model *model;
  mote_sampler_desc sampler;  // how to sample; model and batch are filled in
  int count;                  // images
  int batch;                  // at once, 1 to count
  uint64_t seed;
  uint32_t first;         // index of the first image
  const float *contexts;  // count × n_cfeat, or NULL
  const float *avoid;     // as contexts
  const float *x;         // count × channels × height × height, or NULL
  bool want_pixels, want_images, want_frames;
  bool json;  // how to show progress
} sample_run_desc;

typedef struct sample_run {
  uint8_t *pixels;                     // count × height × height × channels, or NULL
  float *images;                       // count × channels × height × height, or NULL
  uint8_t *frames[SAMPLE_FRAMES_MAX];  // each like pixels: evenly spaced moments, the noise first, the result last
  int frame_count;                     // 0 when not wanted
  int begun;                           // images that went through a step at least; only these are in the arrays
  int finished;                        // of these, the ones that went through all
  int steps;                           // of a whole run
  int steps_done;                      // of the last batch begun
  double seconds;                      // spent sampling, models and pipelines ready
  mote_sampler_info info;              // of a full batch
} sample_run;

// On failure there is nothing to finish. Ctrl-C is no failure: `finished` is less than count then.
mote_status sample_run_init(sample_run *run, const sample_run_desc *desc, mote_error *error);
void sample_run_finish(sample_run *run);

#endif
