// upsample_backward.comp: dx = the sum of each 2×2 square of dy. One invocation: four channels of one pixel of dx.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "shaders/glsl/index.glsl"
#include "shaders/glsl/vectors.glsl"
#include "shaders/upsample.h"

layout(local_size_x = PLAIN_LOCAL_SIZE) in;
VECTORS(0, Dy, dy);                                      // (N, C, 2H, 2W) C8
layout(binding = 1) writeonly buffer Dx { vec4 dx[]; };  // (N, C, H, W) C8
layout(push_constant) uniform Push { upsample_parameters p; };

void main() {
  uint i = invocation_index();
  if (i >= p.vectors) return;
  uint column = i / 2 % p.width, row = i / 2 / p.width;  // row counted over all blocks
  uint from = (row * 2 * p.width * 2 + column * 2) * 2 + i % 2, below = from + p.width * 4;
  dx[i] = (AT(dy, from) + AT(dy, from + 2)) + (AT(dy, below) + AT(dy, below + 2));
}
