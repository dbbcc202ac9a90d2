// batch_norm_backward.comp: dx = γ · r · (dz - dβ/M - x̂ · dγ/M), r = 1/√(variance + ε), x̂ = (x - mean) · r,
// dz = activation'(γ·x̂ + β) · dy, M = N·H·W (Ioffe & Szegedy 2015). One invocation: four channels of one pixel.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "shaders/activation.glsl"
#include "shaders/batch_norm_backward.h"
#include "shaders/index.glsl"

layout(local_size_x = PLAIN_LOCAL_SIZE) in;
layout(binding = 0) readonly buffer X { vec4 x[]; };                // (N, C, H, W) C8
layout(binding = 1) readonly buffer Dy { vec4 dy[]; };              // as x
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
  uint i = invocation_index();
  if (i >= p.quads) return;
  uint c = i / (p.pixels * 2) * 2 % p.channel_quads + i % 2;
  vec4 r = 1.0 / sqrt(variance[c] + p.epsilon), normal = (x[i] - mean[c]) * r;
  vec4 dz = activate_gradient(gamma[c] * normal + beta[c], ACTIVATION) * dy[i];
  dx[i] = gamma[c] * r * (dz - (dbeta[c] + normal * dgamma[c]) / p.count);
}
