// upsample.comp: y = factor · each pixel of x four times, as a 2×2 square. One invocation: four channels of one pixel of x.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "shaders/glsl/index.glsl"
#include "shaders/glsl/vectors.glsl"
#include "shaders/upsample.h"

layout(local_size_x = PLAIN_LOCAL_SIZE) in;
VECTORS(0, X, x);                                      // (N, C, H, W) C8
layout(binding = 1) writeonly buffer Y { vec4 y[]; };  // (N, C, 2H, 2W) C8
layout(push_constant) uniform Push { upsample_parameters p; };

void main() {
  uint i = invocation_index();
  if (i >= p.vectors) return;
  uint column = i / 2 % p.width, row = i / 2 / p.width;  // row counted over all blocks
  uint to = (row * 2 * p.width * 2 + column * 2) * 2 + i % 2, below = to + p.width * 4;
  vec4 value = p.factor * AT(x, i);
  y[to] = value;
  y[to + 2] = value;
  y[below] = value;
  y[below + 2] = value;
}
