// mean_pool_backward.comp: dx = dy / (H · W), the same for all pixels. One invocation: four channels of one pixel.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "shaders/index.glsl"
#include "shaders/mean_pool_backward.h"

layout(local_size_x = PLAIN_LOCAL_SIZE) in;
layout(binding = 0) readonly buffer Dy { vec4 dy[]; };   // (N, C, 1, 1) C8
layout(binding = 1) writeonly buffer Dx { vec4 dx[]; };  // (N, C, H, W) C8
layout(push_constant) uniform Push { mean_pool_backward_parameters p; };

void main() {
  uint i = invocation_index();
  if (i < p.quads) dx[i] = dy[i / (p.pixels * 2) * 2 + i % 2] / float(p.pixels);
}
