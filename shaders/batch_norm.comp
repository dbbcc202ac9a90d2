// batch_norm.comp: y = activation(γ[c] · (x - mean[c]) / √(variance[c] + ε) + β[c]) (Ioffe & Szegedy 2015). One
// workgroup: eight channels of one image. One invocation: four of them, of every 32nd pixel.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "shaders/batch_norm.h"
#include "shaders/glsl/activation.glsl"
#include "shaders/glsl/index.glsl"
#include "shaders/glsl/vectors.glsl"

layout(local_size_x = PLAIN_LOCAL_SIZE) in;
VECTORS(0, X, x);                                                   // (N, C, H, W) C8
layout(binding = 1) readonly buffer Gamma { vec4 gamma[]; };        // (1, C, 1, 1) C8
layout(binding = 2) readonly buffer Beta { vec4 beta[]; };          // (1, C, 1, 1) C8
layout(binding = 3) readonly buffer Mean { vec4 mean[]; };          // (1, C, 1, 1) C8
layout(binding = 4) readonly buffer Variance { vec4 variance[]; };  // (1, C, 1, 1) C8
layout(binding = 5) writeonly buffer Y { vec4 y[]; };               // as x
layout(push_constant) uniform Push { batch_norm_parameters p; };

layout(constant_id = BATCH_NORM_ACTIVATION) const uint ACTIVATION = ACTIVATION_NONE;

void main() {
  uint block = workgroup_index(), lane = gl_LocalInvocationID.x;
  if (block >= p.blocks) return;
  uint c = block * 2 % p.channel_quads + lane % 2, from = block * p.pixels * 2;
  vec4 m = mean[c], scale = gamma[c] / sqrt(variance[c] + p.epsilon), shift = beta[c];
  for (uint i = lane; i < p.pixels * 2; i += PLAIN_LOCAL_SIZE)
    y[from + i] = activate((AT(x, from + i) - m) * scale + shift, ACTIVATION);
}
