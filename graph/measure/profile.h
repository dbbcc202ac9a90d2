// profile.h: times every dispatch of a sampling or training step, and the device's own ceilings to hold them against.
#ifndef MOTE_GRAPH_MEASURE_PROFILE_H
#define MOTE_GRAPH_MEASURE_PROFILE_H

#include "graph/compile/program.h"
#include "graph/diffusion/sampler.h"
#include "graph/diffusion/trainer.h"

// What the device can do at best, measured. Medians of repeats.
typedef struct ceilings {
  double flops;         // fp32 operations a second of a kernel that works in registers; a multiply-add counts as two
  double matrix_flops;  // the same of cooperative matrices, operands fp16 and sums fp32; 0: the device has none
  double bandwidth;     // bytes a second, read and written, of a copy that is larger than caches
  double dispatch;      // seconds of one more small dispatch and its barrier in a submission
  double submission;    // seconds from a submission of one small dispatch until the host knows that it is done
} ceilings;

mote_status ceilings_measure(mote_device *device, ceilings *out, mote_error *error);

// `submission` alone.
mote_status ceilings_measure_submission(mote_device *device, ceilings *out, mote_error *error);

// Seconds that the work needs at least: the larger of operations over the arithmetic of its kernel, and bytes over bandwidth.
double ceilings_bound(const ceilings *ceilings, const program_work *work);

// One of the two.
typedef struct profile_subject {
  mote_sampler *sampler;
  mote_trainer *trainer;
} profile_subject;

// What is measured: the program, and the stages of a step.
program *profile_program(const profile_subject *subject);
sequence profile_step(const profile_subject *subject);

typedef struct profile_row {
  program_work work;
  double seconds;        // median
  double begin, traced;  // of the last replay: seconds from the first dispatch's begin, and how long it took
} profile_row;

typedef struct profile {
  mote_device *device;
  profile_row *rows;  // one a dispatch, in order
  int count;
  bool by_submission;  // the device's timestamps do not tell dispatches apart: each was submitted by itself
  double step;         // median seconds of the whole step, submission included
  double submission;   // of the last replay, which `begin` and `traced` belong to, as the host saw it; by submission:
                       // the sum of all
} profile;

// Warm medians of `repeats` replays of one step. Sampling begins anew before each; training goes on.
mote_status profile_measure(const profile_subject *subject, int repeats, profile *out, mote_error *error);
void profile_finish(profile *profile);

// The middle of `count` values, which it sorts.
double median(double *values, int count);

#endif
