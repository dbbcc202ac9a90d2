// mse.h: parameters and constants of mse.comp and mse_total.comp.
#include "shaders/types.h"

#define MSE_LANES 0  // invocations of a workgroup

struct mse_parameters {
  uint batch;
  uint image_quads;  // vec4s of one image, padding included
  float share;       // scale / (N · C · H · W), padding not counted
};
