// norm_parameter_gradient.h: parameters of norm_parameter_gradient.comp.
#include "shaders/types.h"

struct norm_parameter_gradient_parameters {
  uint batch;
  uint channels;  // padding included
};
