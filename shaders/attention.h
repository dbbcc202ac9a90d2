// attention.h: parameters and constants of attention.comp, its gradients and their kernels for CPU drivers.
#include "shaders/types.h"

#define ATTENTION_QUADS 0  // what an invocation makes of its head, in fours of channels; 0: see glsl/attention_texel.glsl
#define ATTENTION_KEEP 1   // 1: forward keeps the logarithm of the sum, for the backward pass

// Of the kernels for CPU drivers.
#define ATTENTION_GROUPS 2       // pixels that a workgroup makes, in eights
#define ATTENTION_TILE_GROUPS 3  // and those that they are compared with at a time

#define ATTENTION_TILE 8  // pixels that one is compared with at a time: of the plain kernels

struct attention_parameters {
  uint batch;
  uint blocks;   // channels / 8
  uint pixels;   // of an image
  uint heads;
  uint members;  // channels of a head
  float scale;   // log2(e) / √members, for powers of two
};
