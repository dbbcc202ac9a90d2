// mse.h: parameters of mse.comp, mse_image.comp and mse_total.comp.
#include "shaders/types.h"

struct mse_parameters {
  uint batch;
  uint image_quads;  // vec4s of one image, padding included
  float share;       // scale / (N · C · H · W), padding not counted
};
