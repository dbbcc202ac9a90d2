// concat.h: parameters of concat.comp.
#include "shaders/types.h"

struct concat_parameters {
  uint quads;    // vec4s in y
  uint a_quads;  // vec4s of one image in a
  uint b_quads;  // and in b
};
