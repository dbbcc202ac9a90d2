// train_run.h: runs the training steps of `mote train`, with checkpoints, sample grids and reports on the way.
#ifndef MOTE_TOOLS_TRAIN_TRAIN_RUN_H
#define MOTE_TOOLS_TRAIN_TRAIN_RUN_H

#include <limits.h>

#include "mote.h"
#include "tools/train/train_options.h"
#include "tools/train/train_paths.h"

typedef struct train_run_desc {
  const train_options *options;
  const train_paths *paths;
  mote_trainer *trainer;  // its state is loaded where a run goes on
  uint64_t total_steps;   // 0: until options->minutes are over
  bool validates;         // images were held out
  double started;         // seconds_now() when the command began: --minutes counts all of it
} train_run_desc;

typedef struct train_result {
  uint64_t steps;        // done in all
  double seconds;        // of training in all
  double loss;           // latest; NaN: none
  double val_loss;       // latest; NaN: none
  double samples_per_s;  // over this part of the run
  bool interrupted;      // by Ctrl-C, before the end
} train_result;

// On failure the last checkpoint is whole; where a loss was not finite the weights of the last good step are written.
mote_status train_run(const train_run_desc *desc, train_result *result, mote_error *error);

#endif
