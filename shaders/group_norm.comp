// group_norm.comp: y = activation(γ[c] · (x - mean[n, g]) / √(variance[n, g] + ε) + β[c]) with eight groups g of C/8
// neighbouring channels, their mean and biased variance (Wu & He 2018). One workgroup: one or more whole groups of one
// image, CLUSTER blocks of eight channels. A pair of lanes: every LANES/2'th pixel.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "shaders/glsl/activation.glsl"
#include "shaders/glsl/index.glsl"
#include "shaders/glsl/vectors.glsl"
#include "shaders/group_norm.h"
#include "shaders/step.h"

layout(local_size_x_id = GROUP_NORM_LANES) in;
VECTORS(0, X, x);                                                     // (N, C, H, W) C8
layout(binding = 1) readonly buffer Gamma { vec4 gamma[]; };          // (1, C, 1, 1) C8
layout(binding = 2) readonly buffer Beta { vec4 beta[]; };            // (1, C, 1, 1) C8
layout(binding = 3) writeonly buffer Mean { float mean[]; };          // (N, 8, 1, 1) C8
layout(binding = 4) writeonly buffer Variance { float variance[]; };  // (N, 8, 1, 1) C8
layout(binding = 5) writeonly buffer Y { vec4 y[]; };                 // as x
layout(binding = 6) readonly buffer Scale { vec4 scale[]; };          // (N, C, 1, 1) C8
layout(binding = 7) readonly buffer Shift { vec4 shift[]; };          // (N or steps, C, 1, 1) C8
layout(binding = 8) readonly buffer Step { uint step_words[]; };      // STEP_WORDS, raw
layout(push_constant) uniform Push { group_norm_parameters p; };

layout(constant_id = GROUP_NORM_ACTIVATION) const uint ACTIVATION = ACTIVATION_NONE;
layout(constant_id = GROUP_NORM_CLUSTER) const uint CLUSTER = 1;
layout(constant_id = GROUP_NORM_SCALED) const uint SCALED = 0;
layout(constant_id = GROUP_NORM_ROW_FROM_STEP) const uint ROW_FROM_STEP = 0;

#include "shaders/glsl/moments.glsl"

shared vec4 channel_mean[CLUSTER * 2], channel_deviation[CLUSTER * 2];
shared float group_mean[8], group_variance[8];  // of the workgroup's

// Mean and variance of the workgroup's group `group`, merged from its channels' own in order.
void find_group(uint group, uint members) {
  float m = 0.0, m2 = 0.0;
  for (uint k = 0; k < members; k++) {
    uint c = group * members + k;
    float delta = channel_mean[c / 4][c % 4] - m, share = 1.0 / float(k + 1);
    m += delta * share;
    m2 += channel_deviation[c / 4][c % 4] + delta * delta * float(p.pixels) * float(k) * share;
  }
  group_mean[group] = m;
  group_variance[group] = m2 / (float(members) * float(p.pixels));
}

void main() {
  uint cluster = workgroup_index(), lane = gl_LocalInvocationID.x, stride = gl_WorkGroupSize.x;
  if (cluster >= p.clusters) return;
  uint members = p.channels / GROUP_NORM_GROUPS, groups = CLUSTER * 8 / members;
  uint count = (p.pixels + stride / 2 - 1 - lane / 2) / (stride / 2), first_quad = cluster * CLUSTER * 2;

  for (uint block = 0; block < CLUSTER; block++) {
    uint from = (cluster * CLUSTER + block) * p.pixels * 2 + lane;
    moments all = merge_lanes(read_moments(from, stride, count));
    if (lane < 2) {
      channel_mean[block * 2 + lane] = all.mean;
      channel_deviation[block * 2 + lane] = all.deviation;
    }
  }
  barrier();
  if (lane < groups) {
    find_group(lane, members);
    mean[cluster * groups + lane] = group_mean[lane];
    variance[cluster * groups + lane] = group_variance[lane];
  }
  barrier();

  for (uint block = 0; block < CLUSTER; block++) {
    uint from = (cluster * CLUSTER + block) * p.pixels * 2 + lane, quad = block * 2 + lane % 2;
    uint n = (first_quad + quad) / (p.channels / 4), c = (first_quad + quad) % (p.channels / 4);
    vec4 m, factor, offset = beta[c], outer_factor = vec4(1.0), outer_offset = vec4(0.0);
    [[unroll]] for (uint k = 0; k < 4; k++) {
      uint group = (quad * 4 + k) / members;
      m[k] = group_mean[group];
      factor[k] = 1.0 / sqrt(group_variance[group] + p.epsilon);
    }
    factor *= gamma[c];
    if (SCALED != 0) {
      uint row = n;
      if (ROW_FROM_STEP != 0) row = step_words[STEP_INDEX];
      outer_factor = scale[first_quad + quad];
      outer_offset = shift[row * (p.channels / 4) + c];
    }
    for (uint i = 0; i < count; i++) {
      uint at = from + i * stride;
      vec4 value = activate((AT(x, at) - m) * factor + offset, ACTIVATION);
      y[at] = SCALED != 0 ? outer_factor * value + outer_offset : value;
    }
  }
}
