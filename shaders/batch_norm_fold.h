// batch_norm_fold.h: parameters of batch_norm_fold.comp.
#include "shaders/types.h"

struct batch_norm_fold_parameters {
  uint in_quads;    // input channels / 4, padding included
  uint taps;
  uint out_blocks;  // output channels / 8
  float epsilon;
};
