// shader_trial.h: `--shaders DIR` of `mote bench` and `mote profile`.
#ifndef MOTE_TOOLS_MEASURE_SHADER_TRIAL_H
#define MOTE_TOOLS_MEASURE_SHADER_TRIAL_H

#include "tools/measure/bench_subject.h"

// Compiles o->shaders, tries them in a step of o->batch images and prints for each whether it computes what the embedded
// one does, and both times. `train`: a training step. MOTE_ERROR_FORMAT, after the table, when one does not.
mote_status shader_trial(const bench_options *o, bool train, mote_error *error);

#endif
