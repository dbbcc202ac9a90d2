// train_paths.h: where a training run's files stand, and whose turn it is to write them.
#ifndef MOTE_TOOLS_TRAIN_TRAIN_PATHS_H
#define MOTE_TOOLS_TRAIN_TRAIN_PATHS_H

#include <limits.h>
#include <stdbool.h>

#include "mote.h"

// In the folder of the last round's run: what mote distill was asked for.
#define TRAIN_PATHS_PLAN "distill.json"

typedef struct train_paths {
  char folder[PATH_MAX];  // OUTPUT.run
  char state[PATH_MAX], log[PATH_MAX], curve[PATH_MAX], settings[PATH_MAX];
  char written[PATH_MAX], next[PATH_MAX];  // digests of the models that were written; a model before it is
  int lock;  // the folder, held against other processes; -1: not held
} train_paths;

// MOTE_ERROR_USAGE where a name would be too long. train_paths_finish is due either way.
mote_status train_paths_init(train_paths *paths, const char *output, mote_error *error);
void train_paths_finish(train_paths *paths);

// Holds the folder if it is there, and removes what killed processes left unfinished in it. MOTE_ERROR_FILE while
// another process holds it. May be called again.
mote_status train_paths_lock(train_paths *paths, mote_error *error);

// What is there of an earlier part of the run.
bool train_paths_has_settings(const train_paths *paths);
bool train_paths_has_state(const train_paths *paths);

// MOTE_ERROR_FILE where a run or a model would be replaced.
mote_status train_paths_check_free(const train_paths *paths, const char *output, mote_error *error);

// Makes the folder where train_paths_lock found none, and holds it. MOTE_ERROR_FILE where another process has made it meanwhile.
mote_status train_paths_make(train_paths *paths, mote_error *error);

// Removes what a run that is to be replaced left in the folder; its settings are the new run's to replace.
mote_status train_paths_clear(const train_paths *paths, mote_error *error);

#endif
