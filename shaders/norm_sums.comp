// norm_sums.comp: what the backward passes of batch_norm and group_norm begin with, a channel and image at a time. With
// x̂ = (x - mean) / √(variance + ε), z = γ·x̂ + β and dz = activation'(z) · dy: sum = Σ dz, product = Σ dz · x̂ over the
// image. One invocation: four channels of one image.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "shaders/activation.glsl"
#include "shaders/index.glsl"
#include "shaders/norm_sums.h"
#include "shaders/vectors.glsl"

layout(local_size_x = 8) in;
VECTORS(0, X, x);                                                    // (N, C, H, W) C8
VECTORS(1, Dy, dy);                                                  // as x
layout(binding = 2) readonly buffer Gamma { vec4 gamma[]; };         // (1, C, 1, 1) C8
layout(binding = 3) readonly buffer Beta { vec4 beta[]; };           // (1, C, 1, 1) C8
layout(binding = 4) readonly buffer Mean { float mean[]; };          // (1, C, 1, 1) or (N, 8, 1, 1) C8
layout(binding = 5) readonly buffer Variance { float variance[]; };  // as mean
layout(binding = 6) writeonly buffer Sum { vec4 sum[]; };            // (N, C, 1, 1) C8
layout(binding = 7) writeonly buffer Product { vec4 product[]; };    // (N, C, 1, 1) C8
layout(push_constant) uniform Push { norm_sums_parameters p; };

layout(constant_id = NORM_SUMS_ACTIVATION) const uint ACTIVATION = ACTIVATION_NONE;
layout(constant_id = NORM_SUMS_GROUPED) const uint GROUPED = 0;

void main() {
  uint i = invocation_index(), channel_quads = p.channels / 4;
  if (i >= p.batch * channel_quads) return;
  uint c = i % channel_quads, from = i / 2 * p.pixels * 2 + i % 2;
  vec4 m, r, g = gamma[c], b = beta[c];
  [[unroll]] for (uint k = 0; k < 4; k++) {
    uint at = GROUPED != 0 ? i / channel_quads * 8 + (c * 4 + k) / (p.channels / 8) : c * 4 + k;
    m[k] = mean[at];
    r[k] = 1.0 / sqrt(variance[at] + p.epsilon);
  }
  vec4 s = vec4(0.0), t = vec4(0.0);
  for (uint pixel = 0; pixel < p.pixels; pixel++) {
    vec4 normal = (AT(x, from + pixel * 2) - m) * r;
    vec4 dz = activate_gradient(g * normal + b, ACTIVATION) * AT(dy, from + pixel * 2);
    s += dz;
    t += dz * normal;
  }
  sum[i] = s;
  product[i] = t;
}
