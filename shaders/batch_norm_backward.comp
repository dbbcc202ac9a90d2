// batch_norm_backward.comp: dx = γ · r · (dz - dβ/M - x̂ · dγ/M), dβ = Σ dz, dγ = Σ dz · x̂, r = 1/√(variance + ε),
// x̂ = (x - mean) · r, dz = activation'(γ·x̂ + β) · dy, M = N·H·W (Ioffe & Szegedy 2015). One workgroup: eight channels
// of all images. A pair of lanes: every p.columns'th pixel of some images.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "shaders/activation.glsl"
#include "shaders/batch_norm_backward.h"
#include "shaders/index.glsl"
#include "shaders/vectors.glsl"

layout(local_size_x_id = BATCH_NORM_BACKWARD_LANES) in;
VECTORS(0, X, x);                                                   // (N, C, H, W) C8
VECTORS(1, Dy, dy);                                                 // as x
layout(binding = 2) readonly buffer Gamma { vec4 gamma[]; };        // this and the next five: (1, C, 1, 1) C8
layout(binding = 3) readonly buffer Beta { vec4 beta[]; };
layout(binding = 4) readonly buffer Mean { vec4 mean[]; };
layout(binding = 5) readonly buffer Variance { vec4 variance[]; };
layout(binding = 6) writeonly buffer Dgamma { vec4 dgamma[]; };
layout(binding = 7) writeonly buffer Dbeta { vec4 dbeta[]; };
layout(binding = 8) writeonly buffer Dx { vec4 dx[]; };             // as x
layout(push_constant) uniform Push { batch_norm_backward_parameters p; };

layout(constant_id = BATCH_NORM_BACKWARD_ACTIVATION) const uint ACTIVATION = ACTIVATION_NONE;

#include "shaders/lane_sums.glsl"

void main() {
  uint block = workgroup_index(), lane = gl_LocalInvocationID.x, c = block * 2 + lane % 2;
  if (block >= p.channel_blocks) return;
  uint column = lane / 2 % p.columns, first_image = lane / 2 / p.columns;
  uint images = gl_WorkGroupSize.x / 2 / p.columns, count = (p.pixels - column + p.columns - 1) / p.columns;
  vec4 m = mean[c], r = 1.0 / sqrt(variance[c] + p.epsilon), g = gamma[c], b = beta[c];

  vec4 sum = vec4(0.0), product = vec4(0.0);
  for (uint n = first_image; n < p.batch; n += images) {
    uint from = ((n * p.channel_blocks + block) * p.pixels + column) * 2 + lane % 2;
    vec4 image_sum = vec4(0.0), image_product = vec4(0.0);  // so that sums stay short
    for (uint i = 0; i < count; i++) {
      uint at = from + i * p.columns * 2;
      vec4 normal = (AT(x, at) - m) * r, dz = activate_gradient(g * normal + b, ACTIVATION) * AT(dy, at);
      image_sum += dz;
      image_product += dz * normal;
    }
    sum += image_sum;
    product += image_product;
  }
  add_lanes(sum, product);
  if (lane < 2) {
    dbeta[c] = sum;
    dgamma[c] = product;
  }

  float share = 1.0 / (float(p.batch) * float(p.pixels));
  vec4 scale = g * r, mean_dz = sum * share, mean_product = product * share;
  for (uint n = first_image; n < p.batch; n += images) {
    uint from = ((n * p.channel_blocks + block) * p.pixels + column) * 2 + lane % 2;
    for (uint i = 0; i < count; i++) {
      uint at = from + i * p.columns * 2;
      vec4 normal = (AT(x, at) - m) * r, dz = activate_gradient(g * normal + b, ACTIVATION) * AT(dy, at);
      dx[at] = scale * (dz - mean_dz - normal * mean_product);
    }
  }
}
