// sampler_update.h: parameters and the coefficient row of sampler_update.comp.
#include "shaders/types.h"

// One row a step. Every sampler is a table of these.
#define ROW_X 0        // x' = row[X] · x + row[MODEL] · m + row[NOISE] · z, m what the network predicted
#define ROW_MODEL 1
#define ROW_NOISE 2
#define ROW_WORDS 4    // the fourth is spare, so that a row is one vec4

struct sampler_update_parameters {
  uint batch;
  uint channels;
  uint height;
  uint width;
};
