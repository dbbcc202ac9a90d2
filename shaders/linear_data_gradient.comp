// linear_data_gradient.comp: dx[n, i] = Σ_o w[o, i] · dz[n, o], dz as in linear_weight_gradient.comp. One invocation: four
// input features of one row.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "shaders/activation.glsl"
#include "shaders/index.glsl"
#include "shaders/linear_data_gradient.h"

layout(local_size_x = PLAIN_LOCAL_SIZE) in;
layout(binding = 0) readonly buffer Dy { float dy[]; };         // (N, O, 1, 1) C8
layout(binding = 1) readonly buffer Z { float z[]; };           // as dy
layout(binding = 2) readonly buffer Weight { vec4 weight[]; };  // (O, I, 1, 1) WEIGHT
layout(binding = 3) writeonly buffer Dx { vec4 dx[]; };         // (N, I, 1, 1) C8
layout(push_constant) uniform Push { linear_data_gradient_parameters p; };

layout(constant_id = LINEAR_DATA_GRADIENT_ACTIVATION) const uint ACTIVATION = ACTIVATION_NONE;

void main() {
  uint i = invocation_index();
  if (i >= p.batch * p.in_quads) return;
  uint n = i / p.in_quads, quad = i % p.in_quads, outs = p.out_blocks * 8;
  vec4 sum = vec4(0.0);
  for (uint o = 0; o < outs; o++) {
    float g = dy[n * outs + o];
    if (ACTIVATION != ACTIVATION_NONE) g *= activate_gradient(z[n * outs + o], ACTIVATION);
    sum += g * weight[(o / 8 * p.in_quads + quad) * 8 + o % 8];
  }
  dx[i] = sum;
}
