// weight_transpose.h: constants of weight_transpose.comp.
#include "shaders/types.h"

#define WEIGHT_TRANSPOSE_COUNT 32  // weights that one dispatch takes at most

// Words of weight k in its table, from k · WEIGHT_TRANSPOSE_WORDS on.
#define WEIGHT_TRANSPOSE_FROM 0   // where it begins, in vec4s
#define WEIGHT_TRANSPOSE_TO 1     // where the result does
#define WEIGHT_TRANSPOSE_QUADS 2  // output channels / 4 and, 16 bits above, input channels / 4, padding included
#define WEIGHT_TRANSPOSE_TAPS 3   // and, 16 bits above, 1: rotate the kernel by half a circle
#define WEIGHT_TRANSPOSE_WORDS 4
