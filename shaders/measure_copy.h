// measure_copy.h: parameters of measure_copy.comp.
#include "shaders/types.h"

struct measure_copy_parameters {
  uint quads;  // vec4s to copy
};
