// average_pool.comp: y = the mean of each 2×2 square of x. One invocation: four channels of one output pixel.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "shaders/average_pool.h"
#include "shaders/glsl/index.glsl"

layout(local_size_x = PLAIN_LOCAL_SIZE) in;
layout(binding = 0) readonly buffer X { vec4 x[]; };   // (N, C, 2H, 2W) C8
layout(binding = 1) writeonly buffer Y { vec4 y[]; };  // (N, C, H, W) C8
layout(push_constant) uniform Push { average_pool_parameters p; };

void main() {
  uint i = invocation_index();
  if (i >= p.blocks * p.height * p.width * 2) return;
  uint pixel = i / 2, column = pixel % p.width, row = pixel / p.width;  // row counted over all blocks
  uint from = (row * 2 * p.width * 2 + column * 2) * 2 + i % 2, below = from + p.width * 4;
  y[i] = 0.25 * ((x[from] + x[from + 2]) + (x[below] + x[below + 2]));
}
