// linear_weight_gradient.comp: dw[o, i] = Σ_n dy[n, o] · x[n, i]. One invocation: four input features of one output
// feature.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "shaders/index.glsl"
#include "shaders/linear_weight_gradient.h"

layout(local_size_x = PLAIN_LOCAL_SIZE) in;
layout(binding = 0) readonly buffer X { vec4 x[]; };     // (N, I, 1, 1) C8
layout(binding = 1) readonly buffer Dy { float dy[]; };  // (N, O, 1, 1) C8
layout(binding = 2) writeonly buffer Dw { vec4 dw[]; };  // (O, I, 1, 1) WEIGHT
layout(push_constant) uniform Push { linear_weight_gradient_parameters p; };

void main() {
  uint i = invocation_index();
  if (i >= p.out_blocks * 8 * p.in_quads) return;
  uint quad = i / 8 % p.in_quads, o = i / (8 * p.in_quads) * 8 + i % 8;
  vec4 sum = vec4(0.0);
  for (uint n = 0; n < p.batch; n++) sum += dy[n * p.out_blocks * 8 + o] * x[n * p.in_quads + quad];
  dw[i] = sum;
}
