// bench_subject.h: what `mote bench` and `mote profile` measure: samplers and trainers of a model, or of random weights.
#ifndef MOTE_TOOLS_MEASURE_BENCH_SUBJECT_H
#define MOTE_TOOLS_MEASURE_BENCH_SUBJECT_H

#include "graph/measure/profile.h"
#include "tools/options.h"

enum {
  BENCH_WHAT = 1,
  BENCH_BATCH,
  BENCH_REPEAT,
  BENCH_N_FEAT,  // and BENCH_NAMED of them: see bench_options
  BENCH_HEIGHT,
  BENCH_CHANNELS,
  BENCH_N_CFEAT,
  BENCH_NET,
  BENCH_SETTINGS,
  BENCH_SIZE,
  BENCH_SHADERS,
  BENCH_TRACE,
  BENCH_COMPARE,
  BENCH_RENDERDOC,
  BENCH_NPY,
  BENCH_NAMED = BENCH_NET - BENCH_N_FEAT,
};

// Options of both commands; 0 and NULL: left out.
typedef struct bench_options {
  options base;
  const char *const *whats;  // the choices of --what, NULL-terminated
  const char *path;   // MODEL
  const char *shaders;  // a folder to try; NULL: none
  // Of `mote profile` alone.
  const char *trace;
  const char *compare;  // the first file; `path` is the second
  const char *renderdoc, *npy;
  int what;           // position in the command's list of --what
  int batch, repeat;
  int size[2];        // of images, of a random model or MODEL; 0: not given
  // Of the random model: the network's name, its settings "name=value;name=value", and those that have options of their own, n_feat,
  // height, channels and n_cfeat; NULL: as usual.
  const char *net, *settings, *named[BENCH_NAMED];
  mote_model_info shape;  // what they come to
} bench_options;

// Lines of both commands' tables.
#define BENCH_OPTIONS                                                                                                \
  {"batch", 'b', POPT_ARG_STRING, NULL, BENCH_BATCH, "images at once", "B"},                                         \
      {"repeat", 0, POPT_ARG_STRING, NULL, BENCH_REPEAT, "replays that a median is taken of (default 9)", "R"},      \
      {"n-feat", 0, POPT_ARG_STRING, NULL, BENCH_N_FEAT, "features of the random model (default 64)", "F"},          \
      {"height", 0, POPT_ARG_STRING, NULL, BENCH_HEIGHT, "its images' height and width (default 16)", "H"},          \
      {"channels", 0, POPT_ARG_STRING, NULL, BENCH_CHANNELS, "their channels (default 3)", "C"},                     \
      {"n-cfeat", 0, POPT_ARG_STRING, NULL, BENCH_N_CFEAT, "numbers of its context (default 5)", "K"},               \
      {"net", 0, POPT_ARG_STRING, NULL, BENCH_NET, "its network (default context_unet)", "NAME"},                    \
      {"settings", 0, POPT_ARG_STRING, NULL, BENCH_SETTINGS, "of that network, as mote train has them, with _ for -", "S=V[;S=V]"}, \
      {"size", 0, POPT_ARG_STRING, NULL, BENCH_SIZE, "images across and down, of MODEL too if its network takes any size", "N|WxH"}, \
      {"shaders", 0, POPT_ARG_STRING, NULL, BENCH_SHADERS, "try DIR/NAME.comp for the shader NAME: is it right, is it faster", "DIR"}

// For options_work; `base` is that of bench_options.
mote_status bench_take_option(options *base, int value, const char *text, mote_error *error);
mote_status bench_check_options(options *base, mote_error *error);

typedef struct bench_subject {
  mote_device *device;
  mote_model *loaded;    // from MODEL; NULL: random weights
  mote_trainer *random;  // owner of the random weights
  mote_model *model;     // the one of the two that is there
} bench_subject;

mote_status bench_open(const bench_options *o, bench_subject *out, mote_error *error);
void bench_close(bench_subject *subject);

// For one batch size: a sampler, or a trainer on random pixels. `*out` is the caller's to hand to bench_release.
mote_status bench_make(const bench_subject *subject, bool train, int batch, profile_subject *out, mote_error *error);
void bench_release(profile_subject *subject);

#endif
