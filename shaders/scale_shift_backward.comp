// scale_shift_backward.comp: dx = scale[n, c] · dy. One invocation: four channels of one pixel.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "shaders/index.glsl"
#include "shaders/scale_shift_backward.h"

layout(local_size_x = PLAIN_LOCAL_SIZE) in;
layout(binding = 0) readonly buffer Scale { vec4 scale[]; };  // (N, C, 1, 1) C8
layout(binding = 1) readonly buffer Dy { vec4 dy[]; };        // (N, C, H, W) C8
layout(binding = 2) writeonly buffer Dx { vec4 dx[]; };       // as dy
layout(push_constant) uniform Push { scale_shift_backward_parameters p; };

void main() {
  uint i = invocation_index();
  if (i >= p.quads) return;
  dx[i] = scale[i / (p.pixels * 2) * 2 + i % 2] * dy[i];
}
