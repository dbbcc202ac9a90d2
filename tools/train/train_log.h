// train_log.h: the rows of a training run's log.csv, and reading them back when the run goes on.
#ifndef MOTE_TOOLS_TRAIN_TRAIN_LOG_H
#define MOTE_TOOLS_TRAIN_TRAIN_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mote.h"

typedef struct train_row {
  uint64_t step;
  double loss;      // mean over the steps since the row before
  double val_loss;  // NaN: not measured at this step
  double lr;
  double samples_per_s;
  double seconds;  // of training so far, earlier parts of the run included
} train_row;

typedef struct train_rows {
  train_row *rows;
  size_t count;
} train_rows;

// False where there is no memory.
bool train_rows_add(train_rows *rows, const train_row *row);

// Adds the rows of `text` that a run writes: steps rise and none is beyond `last_step`, time does not go back. Others (of steps
// after the checkpoint, cut off, or written by someone else) are left out. `name` is for messages.
mote_status train_log_parse(const char *name, const char *text, size_t bytes, uint64_t last_step, train_rows *rows,
                            mote_error *error);

#endif
