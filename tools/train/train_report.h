// train_report.h: tells how training goes: log.csv, loss.png, JSON lines, and a bar or lines for a person.
#ifndef MOTE_TOOLS_TRAIN_TRAIN_REPORT_H
#define MOTE_TOOLS_TRAIN_TRAIN_REPORT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "mote.h"
#include "tools/train/train_log.h"

// What one submission of steps brought.
typedef struct train_chunk {
  uint64_t steps_before;       // done when it began
  int count;                   // of steps
  const float *losses;         // of each
  double lr_before, lr_after;  // of its first step, and of the first after it
  double val_loss;             // at its last step; NaN: not measured
  double samples_per_s, seconds;
  double remaining;  // seconds; negative: unknown
  double share;      // of the run that is done, 0 to 1
  bool row;          // its last step gets a row in any case
} train_chunk;

typedef struct train_report_desc {
  const char *csv_path, *curve_path;  // borrowed
  uint64_t resumed_step;              // rows up to this step stay in the log; 0: a new log
  bool json;                          // lines on stdout instead of a bar on stderr
} train_report_desc;

typedef struct train_report {
  train_report_desc desc;
  FILE *csv;
  train_rows rows;
  double loss_sum;  // since the latest row
  int loss_count;
  double latest_val_loss;  // NaN: none yet
  bool terminal, bar_open;
  double spoken;  // when the latest line for a person was printed
} train_report;

mote_status train_report_init(train_report *report, const train_report_desc *desc, mote_error *error);
void train_report_finish(train_report *report);

// Seconds of training that the log knows of; 0 in a new one.
double train_report_seconds(const train_report *report);

// The latest row; NULL where there is none.
const train_row *train_report_latest(const train_report *report);

// Every tenth step makes a row: a line of log.csv and of --json. Without --json a person sees a bar, or a line now and
// then where there is no terminal.
mote_status train_report_add(train_report *report, const train_chunk *chunk, mote_error *error);

// Ends the bar, so that the next message stands on a line of its own.
void train_report_break(train_report *report);

// Writes loss.png.
mote_status train_report_draw(const train_report *report, mote_error *error);

#endif
