// trial.h: tries shaders in place of embedded ones: whether they compute the same, and how fast.
#ifndef MOTE_GRAPH_MEASURE_TRIAL_H
#define MOTE_GRAPH_MEASURE_TRIAL_H

#include "graph/measure/profile.h"

// Largest difference allowed, in parts of the largest value that the embedded kernel wrote.
#define TRIAL_TOLERANCE 1e-4

typedef struct trial_row {
  const char *kernel;
  int dispatches;              // of the step; 0: the step does not use it, and the rest is 0
  double difference, largest;  // of the dispatch that is furthest off, relative to its largest value
  const char *layer;           // of that dispatch
  double embedded, replaced;   // seconds of all its dispatches
} trial_row;

typedef struct trial {
  trial_row *rows;            // one a shader, in their order
  size_t count;
  double embedded, replaced;  // seconds of the step
} trial;

// Checks every dispatch of one step that takes one of `shaders`, each on the embedded kernels' inputs, then times the step
// both ways in turns. The device is left with its embedded shaders. Strings live as long as subject and shaders.
mote_status trial_measure(const profile_subject *subject, const shader *shaders, size_t count, int repeats, trial *out,
                          mote_error *error);
void trial_finish(trial *trial);

bool trial_passed(const trial_row *row);

#endif
