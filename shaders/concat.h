// concat.h: parameters of concat.comp and concat_backward.comp.
#include "shaders/types.h"

struct concat_parameters {
  uint quads;    // vec4s in y or dy
  uint a_quads;  // vec4s of one image in a or da
  uint b_quads;  // and in b or db
};
