// group_norm_backward.comp: dx = r · (γ · dz - a/M - x̂ · b/M) with the sums a and b of each group, r = 1/√(variance + ε),
// x̂ = (x - mean) · r, dz = activation'(γ·x̂ + β) · dy, M = C/8 · H · W (Wu & He 2018). One workgroup: eight channels of
// one image. One invocation: four of them, of every 32nd pixel.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "shaders/activation.glsl"
#include "shaders/group_norm_backward.h"
#include "shaders/index.glsl"
#include "shaders/vectors.glsl"

layout(local_size_x = PLAIN_LOCAL_SIZE) in;
VECTORS(0, X, x);                                                    // (N, C, H, W) C8
VECTORS(1, Dy, dy);                                                  // as x
layout(binding = 2) readonly buffer Gamma { vec4 gamma[]; };         // (1, C, 1, 1) C8
layout(binding = 3) readonly buffer Beta { vec4 beta[]; };           // (1, C, 1, 1) C8
layout(binding = 4) readonly buffer Mean { float mean[]; };          // this and the next three: (N, 8, 1, 1) C8
layout(binding = 5) readonly buffer Variance { float variance[]; };
layout(binding = 6) readonly buffer A { float a[]; };
layout(binding = 7) readonly buffer B { float b[]; };
layout(binding = 8) writeonly buffer Dx { vec4 dx[]; };              // as x
layout(push_constant) uniform Push { group_norm_backward_parameters p; };

layout(constant_id = GROUP_NORM_BACKWARD_ACTIVATION) const uint ACTIVATION = ACTIVATION_NONE;

void main() {
  uint block = workgroup_index(), lane = gl_LocalInvocationID.x;  // block: of eight channels, counted over images
  if (block >= p.blocks) return;
  uint n = block * 8 / p.channels, c = block * 8 % p.channels + lane % 2 * 4, from = block * p.pixels * 2;
  uint members = p.channels / 8;
  float share = 1.0 / float(members * p.pixels);
  vec4 m, r, sum_a, sum_b, g = gamma[c / 4], shift = beta[c / 4];
  [[unroll]] for (uint k = 0; k < 4; k++) {
    uint group = n * 8 + (c + k) / members;
    m[k] = mean[group];
    r[k] = 1.0 / sqrt(variance[group] + p.epsilon);
    sum_a[k] = a[group] * share;
    sum_b[k] = b[group] * share;
  }
  for (uint i = lane; i < p.pixels * 2; i += PLAIN_LOCAL_SIZE) {
    vec4 normal = (AT(x, from + i) - m) * r;
    vec4 dz = activate_gradient(g * normal + shift, ACTIVATION) * AT(dy, from + i);
    dx[from + i] = r * (g * dz - sum_a - normal * sum_b);
  }
}
