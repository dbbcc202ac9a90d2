// distill.h: what a student of few steps should predict. Progressive distillation (Salimans & Ho 2022): one DDIM step of the
// student is to arrive where two of the teacher's do; the teacher may be guided, and the student then need not be (Meng
// et al. 2023).
#ifndef MOTE_GRAPH_DIFFUSION_DISTILL_H
#define MOTE_GRAPH_DIFFUSION_DISTILL_H

#include "graph/nets/model.h"
#include "graph/ops/ops.h"

// Words of a row of the table of leaps, one row a step of the student: row 1 is its last step, row `steps` its first,
// row 0 none.
enum {
  LEAP_TIME,                // t/T between the teacher's two steps
  LEAP_HALF,                // where its first step leads: factors of x, of what it predicts, and of what it does unguided
  LEAP_TARGET = LEAP_HALF + 3,  // what the student should predict: of the half-way image, of x, and of the same two
  LEAP_WORDS = LEAP_TARGET + 4,
};

typedef struct distill_desc {
  const mote_model *teacher;
  int steps;        // of the student; the teacher takes twice as many
  double guidance;  // of the teacher; 1: none
  tensor *leaps;    // (steps + 1, LEAP_WORDS, 1, 1) raw
  tensor *ones;     // (N, 1, 1, 1)
  tensor *none;     // (N, K, 1, 1): contexts that guidance leads away from; NULL where the teacher is not guided
} distill_desc;

// Appends the teacher's two steps from x, with its parameters' names after "teacher.", and returns the student's target, as x.
// batch->time must be t/T at the beginning of the student's step and batch->row that step's row.
tensor *distill_target(graph *graph, const distill_desc *desc, const draw_batch_tensors *batch);

// Fills the leaps, and timesteps[1 … steps] with where the student's steps begin. `student` says what the student predicts;
// its noise is the teacher's.
mote_status distill_table(const mote_model_info *student, const distill_desc *desc, float *leaps, int *timesteps,
                          mote_error *error);

// Gives the teacher's parameters in `graph` their homes in its own memory.
mote_status distill_bind(const mote_model *teacher, graph *graph, mote_error *error);

#endif
