// average_pool_backward.comp: dx = a quarter of dy of its 2×2 square. One invocation: four channels of one pixel of y.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "shaders/average_pool.h"
#include "shaders/glsl/index.glsl"

layout(local_size_x = PLAIN_LOCAL_SIZE) in;
layout(binding = 0) readonly buffer Dy { vec4 dy[]; };   // (N, C, H, W) C8
layout(binding = 1) writeonly buffer Dx { vec4 dx[]; };  // (N, C, 2H, 2W) C8
layout(push_constant) uniform Push { average_pool_parameters p; };

void main() {
  uint i = invocation_index();
  if (i >= p.blocks * p.height * p.width * 2) return;
  uint pixel = i / 2, column = pixel % p.width, row = pixel / p.width;
  uint to = (row * 2 * p.width * 2 + column * 2) * 2 + i % 2, below = to + p.width * 4;
  dx[to] = dx[to + 2] = dx[below] = dx[below + 2] = 0.25 * dy[i];
}
