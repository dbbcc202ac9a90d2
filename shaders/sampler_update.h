// sampler_update.h: parameters of sampler_update.comp, and the coefficient row that all of a sampler's kernels read.
#include "shaders/types.h"

// One row a step. Every sampler is a table of these.
#define ROW_X 0             // x' = row[X] · x + row[MODEL] · m + row[NOISE] · z + row[PREVIOUS] · m_before
#define ROW_MODEL 1
#define ROW_NOISE 2
#define ROW_PREVIOUS 3
#define ROW_X0_X 4          // x_0 = row[X0_X] · x + row[X0_MODEL] · m
#define ROW_X0_MODEL 5
#define ROW_GUIDANCE 6      // m = m_avoid + row[GUIDANCE] · (m_context - m_avoid)
#define ROW_KNOWN 7         // the kept pixels at the next level: row[KNOWN] · known + row[KNOWN_NOISE] · z
#define ROW_KNOWN_NOISE 8
#define ROW_BACK 9          // and back to this one: row[BACK] · x + row[BACK_NOISE] · z
#define ROW_BACK_NOISE 10
#define ROW_OUTPUT 11       // of a limited m: x' grows by row[OUTPUT] · what the network predicted
#define ROW_WORDS 12

// Specialization constants.
#define SAMPLER_UPDATE_GUIDED 0   // the network's batch holds the context's images and, after them, those to avoid
#define SAMPLER_UPDATE_X0 1       // m stands for the x_0 that follows from x and what the network predicted
#define SAMPLER_UPDATE_LIMITED 2  // x_0 is clamped to [-limit, limit] and divided by it
#define SAMPLER_UPDATE_HISTORY 3  // m is kept for the next step
#define SAMPLER_UPDATE_ADVANCE 4  // the step index becomes the next one's, once all have read it

struct sampler_update_parameters {
  uint batch;
  uint channels;
  uint height;
  uint width;
};
