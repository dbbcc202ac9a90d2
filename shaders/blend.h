// blend.h: parameters of blend.comp.
#include "shaders/types.h"

struct blend_parameters {
  uint quads;        // of y
  uint image_quads;  // of one image of it
  uint words;        // of a row of the table
  uint column;       // of the first term's factor
};
