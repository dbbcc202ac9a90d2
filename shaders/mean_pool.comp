// mean_pool.comp: y = activation(mean of x over the image). One invocation: four channels of one image.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "shaders/glsl/activation.glsl"
#include "shaders/glsl/index.glsl"
#include "shaders/mean_pool.h"

layout(local_size_x = PLAIN_LOCAL_SIZE) in;
layout(binding = 0) readonly buffer X { vec4 x[]; };   // (N, C, H, W) C8
layout(binding = 1) writeonly buffer Y { vec4 y[]; };  // (N, C, 1, 1) C8
layout(push_constant) uniform Push { mean_pool_parameters p; };

layout(constant_id = MEAN_POOL_ACTIVATION) const uint ACTIVATION = ACTIVATION_NONE;

void main() {
  uint i = invocation_index();
  if (i >= p.quads) return;
  vec4 sum = vec4(0.0);
  for (uint pixel = 0; pixel < p.pixels; pixel++) sum += x[(i / 2 * p.pixels + pixel) * 2 + i % 2];
  y[i] = activate(sum / float(p.pixels), ACTIVATION);
}
