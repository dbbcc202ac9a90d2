// adamw.h: parameters of adamw.comp.
#include "shaders/types.h"

struct adamw_parameters {
  uint learned_quads;  // vec4s of learned parameters
  uint quads;          // of learned parameters, then of running statistics
  float beta1;
  float beta2;
  float epsilon;
  float share;         // of a batch's statistics in the mean over the step's batches
  float momentum;      // by which running statistics follow that mean
};
