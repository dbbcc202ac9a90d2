// linear_data_gradient.comp: dx[n, i] = Σ_o w[o, i] · dy[n, o]. One invocation: four input features of one row.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "shaders/index.glsl"
#include "shaders/linear_data_gradient.h"

layout(local_size_x = PLAIN_LOCAL_SIZE) in;
layout(binding = 0) readonly buffer Dy { float dy[]; };        // (N, O, 1, 1) C8
layout(binding = 1) readonly buffer Weight { vec4 weight[]; };  // (O, I, 1, 1) WEIGHT
layout(binding = 2) writeonly buffer Dx { vec4 dx[]; };         // (N, I, 1, 1) C8
layout(push_constant) uniform Push { linear_data_gradient_parameters p; };

void main() {
  uint i = invocation_index();
  if (i >= p.batch * p.in_quads) return;
  uint n = i / p.in_quads, quad = i % p.in_quads, outs = p.out_blocks * 8;
  vec4 sum = vec4(0.0);
  for (uint o = 0; o < outs; o++) sum += dy[n * outs + o] * weight[(o / 8 * p.in_quads + quad) * 8 + o % 8];
  dx[i] = sum;
}
