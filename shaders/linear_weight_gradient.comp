// linear_weight_gradient.comp: dw[o, i] = Σ_n dz[n, o] · x[n, i] and db[o] = Σ_n dz[n, o], dz = activation'(z) · dy with z
// what the activation was applied to. One invocation: four input features of one output feature.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "shaders/activation.glsl"
#include "shaders/index.glsl"
#include "shaders/linear_weight_gradient.h"

layout(local_size_x = PLAIN_LOCAL_SIZE) in;
layout(binding = 0) readonly buffer X { vec4 x[]; };     // (N, I, 1, 1) C8
layout(binding = 1) readonly buffer Dy { float dy[]; };  // (N, O, 1, 1) C8
layout(binding = 2) readonly buffer Z { float z[]; };    // as dy
layout(binding = 3) writeonly buffer Dw { vec4 dw[]; };  // (O, I, 1, 1) WEIGHT
layout(binding = 4) writeonly buffer Db { float db[]; }; // (1, O, 1, 1) C8
layout(push_constant) uniform Push { linear_weight_gradient_parameters p; };

layout(constant_id = LINEAR_WEIGHT_GRADIENT_ACTIVATION) const uint ACTIVATION = ACTIVATION_NONE;

void main() {
  uint i = invocation_index(), outs = p.out_blocks * 8;
  if (i >= outs * p.in_quads) return;
  uint quad = i / 8 % p.in_quads, o = i / (8 * p.in_quads) * 8 + i % 8;
  vec4 sum = vec4(0.0);
  float total = 0.0;
  for (uint n = 0; n < p.batch; n++) {
    float g = dy[n * outs + o];
    if (ACTIVATION != ACTIVATION_NONE) g *= activate_gradient(z[n * outs + o], ACTIVATION);
    sum += g * x[n * p.in_quads + quad];
    total += g;
  }
  dw[i] = sum;
  if (quad == 0) db[o] = total;
}
