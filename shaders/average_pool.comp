// average_pool.comp: y = factor · the sum of each 2×2 square of x. One invocation: four channels of one pixel of y.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "shaders/glsl/index.glsl"
#include "shaders/glsl/vectors.glsl"
#include "shaders/upsample.h"

layout(local_size_x = PLAIN_LOCAL_SIZE) in;
VECTORS(0, X, x);                                      // (N, C, 2H, 2W) C8
layout(binding = 1) writeonly buffer Y { vec4 y[]; };  // (N, C, H, W) C8
layout(push_constant) uniform Push { upsample_parameters p; };

void main() {
  uint i = invocation_index();
  if (i >= p.vectors) return;
  uint column = i / 2 % p.width, row = i / 2 / p.width;  // row counted over all blocks
  uint from = (row * 2 * p.width * 2 + column * 2) * 2 + i % 2, below = from + p.width * 4;
  y[i] = p.factor * ((AT(x, from) + AT(x, from + 2)) + (AT(x, below) + AT(x, below + 2)));
}
