// group_norm.comp: y = activation(γ[c] · (x - mean[n, g]) / √(variance[n, g] + ε) + β[c]) with eight groups g of C/8
// neighbouring channels (Wu & He 2018). One workgroup: eight channels of one image. One invocation: four of them, of every
// 32nd pixel.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "shaders/activation.glsl"
#include "shaders/group_norm.h"
#include "shaders/index.glsl"
#include "shaders/vectors.glsl"

layout(local_size_x = PLAIN_LOCAL_SIZE) in;
VECTORS(0, X, x);                                                    // (N, C, H, W) C8
layout(binding = 1) readonly buffer Gamma { vec4 gamma[]; };         // (1, C, 1, 1) C8
layout(binding = 2) readonly buffer Beta { vec4 beta[]; };           // (1, C, 1, 1) C8
layout(binding = 3) readonly buffer Mean { float mean[]; };          // (N, 8, 1, 1) C8
layout(binding = 4) readonly buffer Variance { float variance[]; };  // (N, 8, 1, 1) C8
layout(binding = 5) writeonly buffer Y { vec4 y[]; };                // as x
layout(push_constant) uniform Push { group_norm_parameters p; };

layout(constant_id = GROUP_NORM_ACTIVATION) const uint ACTIVATION = ACTIVATION_NONE;

void main() {
  uint block = workgroup_index(), lane = gl_LocalInvocationID.x;  // block: of eight channels, counted over images
  if (block >= p.blocks) return;
  uint n = block * 8 / p.channels, c = block * 8 % p.channels + lane % 2 * 4, from = block * p.pixels * 2;
  uint members = p.channels / GROUP_NORM_GROUPS;
  vec4 m, scale, shift = beta[c / 4];
  [[unroll]] for (uint k = 0; k < 4; k++) {
    uint group = n * GROUP_NORM_GROUPS + (c + k) / members;
    m[k] = mean[group];
    scale[k] = 1.0 / sqrt(variance[group] + p.epsilon);
  }
  scale *= gamma[c / 4];
  for (uint i = lane; i < p.pixels * 2; i += PLAIN_LOCAL_SIZE)
    y[from + i] = activate((AT(x, from + i) - m) * scale + shift, ACTIVATION);
}
