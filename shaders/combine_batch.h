// combine_batch.h: parameters of combine_batch.comp.
#include "shaders/types.h"

struct combine_batch_parameters {
  uint quads;  // of y
  uint terms;  // batches in x
};
