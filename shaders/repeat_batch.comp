// repeat_batch.comp: y[n] = x[n mod N], the batch over and over. One invocation: four channels of one pixel.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "shaders/glsl/index.glsl"
#include "shaders/repeat_batch.h"

layout(local_size_x = PLAIN_LOCAL_SIZE) in;
layout(binding = 0) readonly buffer X { vec4 x[]; };   // (N, C, H, W) C8
layout(binding = 1) writeonly buffer Y { vec4 y[]; };  // (N · count, C, H, W) C8
layout(push_constant) uniform Push { repeat_batch_parameters p; };

void main() {
  uint i = invocation_index();
  if (i < p.quads) y[i] = x[i % p.x_quads];
}
