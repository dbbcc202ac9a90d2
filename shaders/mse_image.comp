// mse_image.comp: weight[n] · Σ (x - target)² of each image. One invocation: one image.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "shaders/index.glsl"
#include "shaders/mse.h"

layout(local_size_x = 8) in;
layout(binding = 0) readonly buffer X { vec4 x[]; };            // (N, C, H, W) C8
layout(binding = 1) readonly buffer Target { vec4 target[]; };  // as x
layout(binding = 2) readonly buffer Weight { float weight[]; }; // (N, 1, 1, 1) C8
layout(binding = 3) writeonly buffer Sums { float sums[]; };    // (1, N, 1, 1) raw
layout(push_constant) uniform Push { mse_parameters p; };

void main() {
  uint n = invocation_index();
  if (n >= p.batch) return;
  vec4 sum = vec4(0.0);
  for (uint i = n * p.image_quads; i < (n + 1) * p.image_quads; i++) {
    vec4 d = x[i] - target[i];
    sum += d * d;
  }
  sums[n] = weight[n * 8] * (sum.x + sum.y + sum.z + sum.w);
}
