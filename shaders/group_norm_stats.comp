// group_norm_stats.comp: mean and biased variance of every group of channels of every image, merged from its channels'
// own in order, by the formula of batch_norm_stats.comp. One invocation: one group of one image.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "shaders/group_norm.h"
#include "shaders/index.glsl"

layout(local_size_x = 8) in;
layout(binding = 0) readonly buffer ChannelMean { float channel_mean[]; };            // (N, C, 1, 1) C8
layout(binding = 1) readonly buffer ChannelDeviation { float channel_deviation[]; };  // (N, C, 1, 1) C8
layout(binding = 2) writeonly buffer Mean { float mean[]; };                          // (N, 8, 1, 1) C8
layout(binding = 3) writeonly buffer Variance { float variance[]; };                  // (N, 8, 1, 1) C8
layout(push_constant) uniform Push { group_norm_stats_parameters p; };

void main() {
  uint i = invocation_index();
  if (i >= p.batch * GROUP_NORM_GROUPS) return;
  uint members = p.channels / GROUP_NORM_GROUPS;
  uint first = i / GROUP_NORM_GROUPS * p.channels + i % GROUP_NORM_GROUPS * members;
  float m = channel_mean[first], m2 = channel_deviation[first];
  for (uint k = 1; k < members; k++) {
    float delta = channel_mean[first + k] - m, share = 1.0 / float(k + 1);
    m += delta * share;
    m2 += channel_deviation[first + k] + delta * delta * float(p.pixels) * float(k) * share;
  }
  mean[i] = m;
  variance[i] = m2 / float(members * p.pixels);
}
