// distill_plan.h: what `mote distill` was asked for, kept as distill.json in the folder of the last round's run, so that --resume
// goes on with that and nothing else.
#ifndef MOTE_TOOLS_TRAIN_DISTILL_PLAN_H
#define MOTE_TOOLS_TRAIN_DISTILL_PLAN_H

#include <cjson/cJSON.h>
#include <stdbool.h>

#include "mote.h"
#include "tools/train/train_files.h"

enum { DISTILL_WORDS_MOST = 64 };

typedef struct distill_plan {
  const char *model, *data;      // data NULL: the default sheet
  int steps, from, round_steps;  // 0: not given
  double guidance;               // 0: not given
  bool force;                    // what was there under the names of the rounds is replaced
  const char *kernels;  // as --kernels takes them
  const char *words[DISTILL_WORDS_MOST];  // for mote train: "--batch=64"
  int word_count;
} distill_plan;

// Writes the file at `path` for the run that writes `output`. The model's digest is kept too.
mote_status distill_plan_write(const distill_plan *plan, const char *output, const char *path, mote_error *error);

// Reads it. The strings are those of `*json`, which is the caller's to delete, on failure too.
mote_status distill_plan_read(distill_plan *plan, const char *output, const char *path, cJSON **json, mote_error *error);

// After reading: MOTE_ERROR_FILE where the file at `model` is there, and is not the model of then.
mote_status distill_plan_compare_model(const cJSON *json, const char *model, mote_error *error);

#endif
