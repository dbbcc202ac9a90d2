// attention.h: parameters and constants of attention.comp, its gradients and their kernels for CPU drivers.
#include "shaders/types.h"

#define ATTENTION_QUADS 0  // what an invocation makes of its head, in fours of channels
#define ATTENTION_KEEP 1   // 1: forward keeps the logarithm of the sum, for the backward pass

#define ATTENTION_TILE 8  // pixels that one is compared with at a time

struct attention_parameters {
  uint batch;
  uint blocks;   // channels / 8
  uint pixels;   // of an image
  uint heads;
  uint members;  // channels of a head
  float scale;   // 1 / √members
};
