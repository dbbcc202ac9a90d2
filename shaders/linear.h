// linear.h: parameters and constants of linear.comp and of its gradients.
#include "shaders/types.h"

#define LINEAR_ACTIVATION 0
#define LINEAR_KEEP 1  // of linear.comp, 1: what the activation is applied to is kept

#define LINEAR_LAYERS 4  // that one dispatch takes at most, one a layer of workgroups

// Words of layer k, from k · LINEAR_WORDS on. The first, as many as there are bindings, say where the layer's part of
// each begins, in vec4s.
#define LINEAR_TENSORS 5
#define LINEAR_BATCH 5
#define LINEAR_SIZES 6  // input features / 4 and, 16 bits above, output features / 8, padding included
#define LINEAR_WORDS 7

struct linear_parameters {
  uint words[28];  // LINEAR_LAYERS · LINEAR_WORDS
};
