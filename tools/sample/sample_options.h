// sample_options.h: what `mote sample` was asked for.
#ifndef MOTE_TOOLS_SAMPLE_SAMPLE_OPTIONS_H
#define MOTE_TOOLS_SAMPLE_SAMPLE_OPTIONS_H

#include "mote.h"
#include "tools/options.h"

#define SAMPLE_GIF_MAX 1024  // images that --gif and --moments take: they keep every frame of each
#define SAMPLE_COUNT_MAX 1000000

typedef struct sample_options {
  options base;       // owns the strings below
  const char *model;  // NULL: the built-in one
  const char *grid;   // -o
  const char *each, *gif, *moments, *npy, *sheet;
  enum { SHEET_NOT_SAID, SHEET_ARRAY, SHEET_HASH } sheet_format;
  bool preview;
  const char **contexts;  // --context, context_count of them, the array owned
  int context_count;
  const char **avoided;  // --avoid, avoid_count of them, the array owned
  int avoid_count;
  const char *context_npy, *x_init;
  int size[2];  // pixels across and down; 0: the model's own
  int count;    // -n; 0: not given
  int steps;    // 0: the sampler's default
  int batch;    // 0: as many as there are, 64 at most
  int scale;    // 1 or more
  int columns;  // of the grid; 0: about as many as rows
  int palette;  // colours; 0: as they are
  const char *palette_file;
  int alpha_threshold;  // 0: none
  uint64_t seed, first;
  mote_sampler_kind kind;
  double eta;
  mote_grid timestep_grid;
  double guidance, guidance_low, guidance_high;  // 0: not given
  const char *guidance_of;                       // NULL: not given; what it says of the model's attributes is read into:
  double attribute_guidance[MOTE_MAX_ATTRIBUTES];
  bool clip_x0;
  double threshold;  // 0: none
  const char **inits;  // --init, init_count of them, the array owned
  int init_count;
  const char *mask, *background;
  double strength;  // 0: not given
  int resample;     // 0: not given
  bool interpolate, has_to_seed;
  uint64_t to_seed;
  double variation;  // 0: none
} sample_options;

// What image `index` of the run was asked to be: a SPEC of --context, or NULL without any.
const char *sample_options_spec(const sample_options *sample, uint64_t index);

// The names of mote_sampler_kind.
extern const char *const sampler_names[];

// Reads and checks everything that needs no file. Returns true to go on, false when the command should return
// `*exit_code`. sample_options_finish is due either way.
bool sample_options_init(sample_options *sample, int argc, const char **argv, int *exit_code);
void sample_options_finish(sample_options *sample);

#endif
