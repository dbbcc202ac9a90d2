// mse.comp: weight[n] · Σ (x - target)² of each image, and the gradient of the mean squared error, dx = scale · 2/M ·
// weight[n] · (x - target), M = N·C·H·W. One workgroup: one image.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "shaders/glsl/index.glsl"
#include "shaders/mse.h"

layout(local_size_x_id = MSE_LANES) in;
layout(binding = 0) readonly buffer X { vec4 x[]; };            // (N, C, H, W) C8
layout(binding = 1) readonly buffer Target { vec4 target[]; };  // as x
layout(binding = 2) readonly buffer Weight { float weight[]; }; // (N, 1, 1, 1) C8
layout(binding = 3) writeonly buffer Dx { vec4 dx[]; };         // as x
layout(binding = 4) writeonly buffer Sums { float sums[]; };    // (1, N, 1, 1) raw
layout(push_constant) uniform Push { mse_parameters p; };

#include "shaders/glsl/workgroup_sum.glsl"

void main() {
  uint n = workgroup_index(), lane = gl_LocalInvocationID.x;
  if (n >= p.batch) return;
  float w = weight[n * 8];
  vec4 squares = vec4(0.0);
  for (uint i = n * p.image_quads + lane; i < (n + 1) * p.image_quads; i += gl_WorkGroupSize.x) {
    vec4 d = x[i] - target[i];
    squares += d * d;
    dx[i] = (2.0 * p.share * w) * d;
  }
  float sum = workgroup_sum(squares.x + squares.y + squares.z + squares.w);
  if (lane == 0) sums[n] = w * sum;
}
