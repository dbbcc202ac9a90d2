// sample_run.h: denoises the images of a run, batch after batch, until all are done or Ctrl-C is pressed.
#ifndef MOTE_TOOLS_SAMPLE_SAMPLE_RUN_H
#define MOTE_TOOLS_SAMPLE_SAMPLE_RUN_H

#include "mote.h"
#include "tools/images/palette.h"

#define SAMPLE_FRAMES_MAX 40

// How the noise of an image follows from its index. All but the first are for samplers that add no noise on the way.
typedef enum sample_course_kind {
  COURSE_OWN = 0,  // its own
  COURSE_ONE,      // that of image `first`, for all
  COURSE_TO_SEED,  // from there in even steps to the noise of the same image of another seed
  COURSE_VARY,     // from there some way towards its own
} sample_course_kind;

typedef struct sample_course {
  sample_course_kind kind;
  uint64_t to_seed;  // COURSE_TO_SEED
  double share;      // COURSE_VARY: 0 stays, 1 is its own noise
} sample_course;

typedef struct sample_run_desc {
  mote_model *model;
  mote_sampler_desc sampler;  // how to sample; model and batch are filled in
  int count;                  // images
  int batch;                  // at once, 1 to count
  uint64_t seed;
  uint32_t first;         // index of the first image
  const float *contexts;  // count × n_cfeat, or NULL
  const float *avoid;     // as contexts
  const float *x;         // count × channels × height × width, or NULL
  const float *init;      // with sampler.edit: as x
  const float *mask;      // with MOTE_EDIT_INPAINT: count × height × width
  sample_course course;
  bool want_pixels, want_images, want_frames;
  bool json;  // how to show progress
} sample_run_desc;

typedef struct sample_run {
  uint8_t *pixels;                     // count × height × width × channels, or NULL
  float *images;                       // count × channels × height × width, or NULL
  uint8_t *frames[SAMPLE_FRAMES_MAX];  // each like pixels: evenly spaced moments, the noise first, the result last
  palette palette;                     // that pixels were snapped to; count 0: none
  int frame_count;                     // 0 when not wanted
  int count;                           // images that were asked for
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
