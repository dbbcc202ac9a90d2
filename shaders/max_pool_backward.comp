// max_pool_backward.comp: dy goes to the largest of each 2×2 square of x, the first in reading order if several are.
// One invocation: four channels of one output pixel.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "shaders/glsl/index.glsl"
#include "shaders/max_pool.h"

layout(local_size_x = PLAIN_LOCAL_SIZE) in;
layout(binding = 0) readonly buffer X { vec4 x[]; };     // (N, C, 2H, 2W) C8
layout(binding = 1) readonly buffer Dy { vec4 dy[]; };   // (N, C, H, W) C8
layout(binding = 2) writeonly buffer Dx { vec4 dx[]; };  // as x
layout(push_constant) uniform Push { max_pool_parameters p; };

void main() {
  uint i = invocation_index();
  if (i >= p.blocks * p.height * p.width * 2) return;
  uint pixel = i / 2, column = pixel % p.width, row = pixel / p.width;  // row counted over all blocks
  uint from = (row * 2 * p.width * 2 + column * 2) * 2 + i % 2;
  uint places[4] = uint[](from, from + 2, from + p.width * 4, from + p.width * 4 + 2);
  vec4 values[4] = vec4[](x[places[0]], x[places[1]], x[places[2]], x[places[3]]);
  vec4 largest = max(max(values[0], values[1]), max(values[2], values[3])), left = dy[i];
  [[unroll]] for (int k = 0; k < 4; k++) {
    vec4 taken = mix(vec4(0.0), left, equal(values[k], largest));
    dx[places[k]] = taken;
    left = mix(left, vec4(0.0), equal(values[k], largest));
  }
}
