// concat_backward.h: parameters of concat_backward.comp.
#include "shaders/types.h"

struct concat_backward_parameters {
  uint quads;    // vec4s in dy
  uint a_quads;  // vec4s of one image in da
  uint b_quads;  // and in db
};
