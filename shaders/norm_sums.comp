// norm_sums.comp: what the backward passes of batch_norm and group_norm begin with, a channel and image at a time. With
// x̂ = (x - mean) / √(variance + ε), z = γ·x̂ + β and dz = activation'(z) · dy: sum = Σ dz, product = Σ dz · x̂ over the
// image. One invocation: one channel of one image.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "shaders/activation.glsl"
#include "shaders/index.glsl"
#include "shaders/norm_sums.h"

layout(local_size_x = 8) in;
layout(binding = 0) readonly buffer X { float x[]; };                // (N, C, H, W) C8
layout(binding = 1) readonly buffer Dy { float dy[]; };              // as x
layout(binding = 2) readonly buffer Gamma { float gamma[]; };        // (1, C, 1, 1) C8
layout(binding = 3) readonly buffer Beta { float beta[]; };          // (1, C, 1, 1) C8
layout(binding = 4) readonly buffer Mean { float mean[]; };          // (1, C, 1, 1) or (N, 8, 1, 1) C8
layout(binding = 5) readonly buffer Variance { float variance[]; };  // as mean
layout(binding = 6) writeonly buffer Sum { float sum[]; };           // (N, C, 1, 1) C8
layout(binding = 7) writeonly buffer Product { float product[]; };   // (N, C, 1, 1) C8
layout(push_constant) uniform Push { norm_sums_parameters p; };

layout(constant_id = NORM_SUMS_ACTIVATION) const uint ACTIVATION = ACTIVATION_NONE;
layout(constant_id = NORM_SUMS_GROUPED) const uint GROUPED = 0;

void main() {
  uint i = invocation_index();
  if (i >= p.batch * p.channels) return;
  uint c = i % p.channels, from = i / 8 * p.pixels * 8 + i % 8;
  uint at = GROUPED != 0 ? i / p.channels * 8 + c / (p.channels / 8) : c;
  float m = mean[at], r = 1.0 / sqrt(variance[at] + p.epsilon), g = gamma[c], b = beta[c];
  float s = 0.0, t = 0.0;
  for (uint pixel = 0; pixel < p.pixels; pixel++) {
    float normal = (x[from + pixel * 8] - m) * r;
    float dz = activate_gradient(g * normal + b, ACTIVATION) * dy[from + pixel * 8];
    s += dz;
    t += dz * normal;
  }
  sum[i] = s;
  product[i] = t;
}
