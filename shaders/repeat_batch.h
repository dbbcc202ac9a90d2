// repeat_batch.h: parameters of repeat_batch.comp.
#include "shaders/types.h"

struct repeat_batch_parameters {
  uint quads;    // of y
  uint x_quads;
};
