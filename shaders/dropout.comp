// dropout.comp: y = x / (1 - p), or 0 with probability p (Srivastava et al. 2014). What is dropped follows from the seed, the layer, the
// training step and which image of the data it is, so that the backward pass, which does the same to dy, keeps no mask. One
// invocation: four channels of one pixel.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "shaders/dropout.h"
#include "shaders/glsl/index.glsl"
#include "shaders/glsl/philox.glsl"
#include "shaders/train_state.h"

layout(local_size_x = PLAIN_LOCAL_SIZE) in;
layout(binding = 0) readonly buffer X { vec4 x[]; };          // (N, C, H, W) C8
layout(binding = 1) readonly buffer State { uint state[]; };  // TRAIN_WORDS raw
layout(binding = 2) readonly buffer Index { uint index[]; };  // (N) raw
layout(binding = 3) writeonly buffer Y { vec4 y[]; };         // as x
layout(push_constant) uniform Push { dropout_parameters p; };

void main() {
  uint i = invocation_index();
  if (i >= p.vectors) return;
  uvec4 counter = uvec4(i % p.each, index[i / p.each], state[TRAIN_STEPS], STREAM_TRAIN_DROPOUT + p.layer);
  uvec4 words = philox(counter, uvec2(state[TRAIN_SEED_LOW], state[TRAIN_SEED_HIGH]));
  y[i] = mix(vec4(0.0), x[i] * p.factor, greaterThanEqual(words, uvec4(p.threshold)));
}
