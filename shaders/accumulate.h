// accumulate.h: parameters of accumulate.comp.
#include "shaders/types.h"

struct accumulate_parameters {
  uint quads;    // vec4s of the exchange
  uint batches;  // of a step
};
