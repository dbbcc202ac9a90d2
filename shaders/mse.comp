// mse.comp: the gradient of the mean squared error, dx = scale · 2/M · weight[n] · (x - target), M = N·C·H·W. One invocation: four
// elements.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "shaders/index.glsl"
#include "shaders/mse.h"

layout(local_size_x = PLAIN_LOCAL_SIZE) in;
layout(binding = 0) readonly buffer X { vec4 x[]; };            // (N, C, H, W) C8
layout(binding = 1) readonly buffer Target { vec4 target[]; };  // as x
layout(binding = 2) readonly buffer Weight { float weight[]; }; // (N, 1, 1, 1) C8
layout(binding = 3) writeonly buffer Dx { vec4 dx[]; };         // as x
layout(push_constant) uniform Push { mse_parameters p; };

void main() {
  uint i = invocation_index();
  if (i < p.batch * p.image_quads)
    dx[i] = (2.0 * p.share * weight[i / p.image_quads * 8]) * (x[i] - target[i]);
}
