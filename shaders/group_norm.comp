// group_norm.comp: y = activation(γ[c] · (x - mean[n, g]) / √(variance[n, g] + ε) + β[c]) with eight groups g of C/8
// neighbouring channels (Wu & He 2018). One invocation: four channels of one pixel.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "shaders/activation.glsl"
#include "shaders/group_norm.h"
#include "shaders/index.glsl"

layout(local_size_x = PLAIN_LOCAL_SIZE) in;
layout(binding = 0) readonly buffer X { vec4 x[]; };                 // (N, C, H, W) C8
layout(binding = 1) readonly buffer Gamma { vec4 gamma[]; };         // (1, C, 1, 1) C8
layout(binding = 2) readonly buffer Beta { vec4 beta[]; };           // (1, C, 1, 1) C8
layout(binding = 3) readonly buffer Mean { float mean[]; };          // (N, 8, 1, 1) C8
layout(binding = 4) readonly buffer Variance { float variance[]; };  // (N, 8, 1, 1) C8
layout(binding = 5) writeonly buffer Y { vec4 y[]; };                // as x
layout(push_constant) uniform Push { group_norm_parameters p; };

layout(constant_id = GROUP_NORM_ACTIVATION) const uint ACTIVATION = ACTIVATION_NONE;

void main() {
  uint i = invocation_index();
  if (i >= p.quads) return;
  uint block = i / (p.pixels * 2);  // of eight channels, counted over images
  uint n = block * 8 / p.channels, c = block * 8 % p.channels + i % 2 * 4;
  uint members = p.channels / GROUP_NORM_GROUPS;
  vec4 m, scale;
  [[unroll]] for (uint k = 0; k < 4; k++) {
    uint group = n * GROUP_NORM_GROUPS + (c + k) / members;
    m[k] = mean[group];
    scale[k] = 1.0 / sqrt(variance[group] + p.epsilon);
  }
  y[i] = activate((x[i] - m) * scale * gamma[c / 4] + beta[c / 4], ACTIVATION);
}
