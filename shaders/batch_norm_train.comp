// batch_norm_train.comp: y = activation(γ[c] · (x - mean[c]) / √(variance[c] + ε) + β[c]) with the batch's own mean and
// biased variance (Ioffe & Szegedy 2015). With UPDATE the running statistics move a tenth of the way, the variance in its
// unbiased form. One workgroup: eight channels of all images. A pair of lanes: every p.columns'th pixel of some images.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "shaders/activation.glsl"
#include "shaders/batch_norm.h"
#include "shaders/index.glsl"
#include "shaders/vectors.glsl"

layout(local_size_x_id = BATCH_NORM_LANES) in;
VECTORS(0, X, x);                                                        // (N, C, H, W) C8
layout(binding = 1) readonly buffer Gamma { vec4 gamma[]; };             // this and the next five: (1, C, 1, 1) C8
layout(binding = 2) readonly buffer Beta { vec4 beta[]; };
layout(binding = 3) writeonly buffer Mean { vec4 mean[]; };
layout(binding = 4) writeonly buffer Variance { vec4 variance[]; };
layout(binding = 5) buffer RunningMean { vec4 running_mean[]; };
layout(binding = 6) buffer RunningVariance { vec4 running_variance[]; };
layout(binding = 7) writeonly buffer Y { vec4 y[]; };                    // as x
layout(push_constant) uniform Push { batch_norm_train_parameters p; };

layout(constant_id = BATCH_NORM_ACTIVATION) const uint ACTIVATION = ACTIVATION_NONE;
layout(constant_id = BATCH_NORM_UPDATE) const uint UPDATE = 0;

#include "shaders/moments.glsl"

void main() {
  uint block = workgroup_index(), lane = gl_LocalInvocationID.x, c = block * 2 + lane % 2;
  if (block >= p.channel_blocks) return;
  uint column = lane / 2 % p.columns, first_image = lane / 2 / p.columns;
  uint images = gl_WorkGroupSize.x / 2 / p.columns, count = (p.pixels - column + p.columns - 1) / p.columns;

  moments mine = moments(0.0, vec4(0.0), vec4(0.0));
  for (uint n = first_image; n < p.batch; n += images) {
    uint from = ((n * p.channel_blocks + block) * p.pixels + column) * 2 + lane % 2;
    mine = merge(mine, read_moments(from, p.columns * 2, count));
  }
  moments all = merge_lanes(mine);
  vec4 v = all.deviation / all.count;
  if (lane < 2) {
    mean[c] = all.mean;
    variance[c] = v;
    if (UPDATE != 0) {
      running_mean[c] += 0.1 * (all.mean - running_mean[c]);
      running_variance[c] += 0.1 * (all.deviation / max(all.count - 1.0, 1.0) - running_variance[c]);
    }
  }

  vec4 scale = gamma[c] / sqrt(v + p.epsilon), shift = beta[c];
  for (uint n = first_image; n < p.batch; n += images) {
    uint from = ((n * p.channel_blocks + block) * p.pixels + column) * 2 + lane % 2;
    for (uint i = 0; i < count; i++) {
      uint at = from + i * p.columns * 2;
      y[at] = activate((AT(x, at) - all.mean) * scale + shift, ACTIVATION);
    }
  }
}
