// batch_norm_backward.comp: dx = γ · r · (dz - dβ/M - x̂ · dγ/M), r = 1/√(variance + ε), x̂ = (x - mean) · r,
// dz = activation'(γ·x̂ + β) · dy, M = N·H·W (Ioffe & Szegedy 2015). One workgroup: eight channels of one image. One
// invocation: four of them, of every 32nd pixel.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "shaders/activation.glsl"
#include "shaders/batch_norm_backward.h"
#include "shaders/index.glsl"
#include "shaders/vectors.glsl"

layout(local_size_x = PLAIN_LOCAL_SIZE) in;
VECTORS(0, X, x);                                                   // (N, C, H, W) C8
VECTORS(1, Dy, dy);                                                 // as x
layout(binding = 2) readonly buffer Gamma { vec4 gamma[]; };        // this and the next five: (1, C, 1, 1) C8
layout(binding = 3) readonly buffer Beta { vec4 beta[]; };
layout(binding = 4) readonly buffer Mean { vec4 mean[]; };
layout(binding = 5) readonly buffer Variance { vec4 variance[]; };
layout(binding = 6) readonly buffer Dgamma { vec4 dgamma[]; };
layout(binding = 7) readonly buffer Dbeta { vec4 dbeta[]; };
layout(binding = 8) writeonly buffer Dx { vec4 dx[]; };             // as x
layout(push_constant) uniform Push { batch_norm_backward_parameters p; };

layout(constant_id = BATCH_NORM_BACKWARD_ACTIVATION) const uint ACTIVATION = ACTIVATION_NONE;

void main() {
  uint block = workgroup_index(), lane = gl_LocalInvocationID.x;
  if (block >= p.blocks) return;
  uint c = block * 2 % p.channel_quads + lane % 2, from = block * p.pixels * 2;
  vec4 m = mean[c], r = 1.0 / sqrt(variance[c] + p.epsilon), g = gamma[c], b = beta[c];
  vec4 scale = g * r, mean_dz = dbeta[c] / p.count, mean_product = dgamma[c] / p.count;
  for (uint i = lane; i < p.pixels * 2; i += PLAIN_LOCAL_SIZE) {
    vec4 normal = (AT(x, from + i) - m) * r;
    vec4 dz = activate_gradient(g * normal + b, ACTIVATION) * AT(dy, from + i);
    dx[from + i] = scale * (dz - mean_dz - normal * mean_product);
  }
}
