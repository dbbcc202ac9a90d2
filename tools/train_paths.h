// train_paths.h: where a training run's files stand, and whose turn it is to write them.
#ifndef MOTE_TOOLS_TRAIN_PATHS_H
#define MOTE_TOOLS_TRAIN_PATHS_H

#include <limits.h>

#include "mote.h"

typedef struct train_paths {
  char folder[PATH_MAX];  // OUTPUT.run
  char state[PATH_MAX], log[PATH_MAX], curve[PATH_MAX], settings[PATH_MAX];
  int lock;  // the folder, held against other processes; -1: not held
} train_paths;

// MOTE_ERROR_USAGE where a name would be too long. train_paths_finish is due either way.
mote_status train_paths_init(train_paths *paths, const char *output, mote_error *error);
void train_paths_finish(train_paths *paths);

// Holds the folder if it is there, and removes what killed processes left unfinished in it. MOTE_ERROR_FILE while
// another process holds it. May be called again.
mote_status train_paths_lock(train_paths *paths, mote_error *error);

// Makes the folder where it is missing, and holds it.
mote_status train_paths_make(train_paths *paths, mote_error *error);

#endif
