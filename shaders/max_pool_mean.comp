// max_pool_mean.comp: y as in max_pool.comp, and z = activation(mean of y over the image). One invocation: four channels
// of one image.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "shaders/glsl/activation.glsl"
#include "shaders/glsl/index.glsl"
#include "shaders/glsl/vectors.glsl"
#include "shaders/max_pool.h"

layout(local_size_x = 8) in;
VECTORS(0, X, x);                                      // (N, C, 2H, 2W) C8
layout(binding = 1) writeonly buffer Y { vec4 y[]; };  // (N, C, H, W) C8
layout(binding = 2) writeonly buffer Z { vec4 z[]; };  // (N, C, 1, 1) C8
layout(push_constant) uniform Push { max_pool_parameters p; };

layout(constant_id = MAX_POOL_MEAN_ACTIVATION) const uint ACTIVATION = ACTIVATION_NONE;

void main() {
  uint i = invocation_index(), pixels = p.height * p.width;
  if (i >= p.blocks * 2) return;
  vec4 sum = vec4(0.0);
  uint to = i / 2 * pixels * 2 + i % 2;
  for (uint row = 0; row < p.height; row++)
    for (uint column = 0; column < p.width; column++) {
      uint from = ((i / 2 * p.height + row) * p.width * 2 + column) * 4 + i % 2, below = from + p.width * 4;
      vec4 largest = max(max(AT(x, from), AT(x, from + 2)), max(AT(x, below), AT(x, below + 2)));
      y[to + (row * p.width + column) * 2] = largest;
      sum += largest;
    }
  z[i] = activate(sum / float(pixels), ACTIVATION);
}
