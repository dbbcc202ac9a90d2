// batch_norm.comp: y = activation(γ[c] · (x - mean[c]) / √(variance[c] + ε) + β[c]) (Ioffe & Szegedy 2015). One
// invocation: four channels of one pixel.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "shaders/activation.glsl"
#include "shaders/batch_norm.h"
#include "shaders/index.glsl"

layout(local_size_x = PLAIN_LOCAL_SIZE) in;
layout(binding = 0) readonly buffer X { vec4 x[]; };                // (N, C, H, W) C8
layout(binding = 1) readonly buffer Gamma { vec4 gamma[]; };        // (1, C, 1, 1) C8
layout(binding = 2) readonly buffer Beta { vec4 beta[]; };          // (1, C, 1, 1) C8
layout(binding = 3) readonly buffer Mean { vec4 mean[]; };          // (1, C, 1, 1) C8
layout(binding = 4) readonly buffer Variance { vec4 variance[]; };  // (1, C, 1, 1) C8
layout(binding = 5) writeonly buffer Y { vec4 y[]; };               // as x
layout(push_constant) uniform Push { batch_norm_parameters p; };

layout(constant_id = BATCH_NORM_ACTIVATION) const uint ACTIVATION = ACTIVATION_NONE;

void main() {
  uint i = invocation_index();
  if (i >= p.quads) return;
  uint c = i / (p.pixels * 2) * 2 % p.channel_quads + i % 2;
  vec4 scale = gamma[c] / sqrt(variance[c] + p.epsilon);
  y[i] = activate((x[i] - mean[c]) * scale + beta[c], ACTIVATION);
}
