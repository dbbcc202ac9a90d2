// group_norm.comp: y = activation(γ[c] · (x - mean[n, g]) / √(variance[n, g] + ε) + β[c]) with G groups g of C/G
// neighbouring channels, their mean and biased variance (Wu & He 2018). One workgroup: one or more whole groups of one
// image, CLUSTER blocks of eight channels or what is left of them. A pair of lanes: every LANES/2'th pixel.
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
layout(binding = 3) writeonly buffer Mean { float mean[]; };          // (N, G, 1, 1) C8
layout(binding = 4) writeonly buffer Variance { float variance[]; };  // (N, G, 1, 1) C8
layout(binding = 5) writeonly buffer Y { vec4 y[]; };                 // as x
layout(binding = 6) readonly buffer Scale { vec4 scale[]; };          // as in scale_shift.comp
layout(binding = 7) readonly buffer Shift { vec4 shift[]; };          // the same
layout(binding = 8) readonly buffer Step { uint step_words[]; };      // STEP_WORDS, raw
layout(push_constant) uniform Push { group_norm_parameters p; };

layout(constant_id = GROUP_NORM_ACTIVATION) const uint ACTIVATION = ACTIVATION_NONE;
layout(constant_id = GROUP_NORM_CLUSTER) const uint CLUSTER = 1;
layout(constant_id = GROUP_NORM_SCALED) const uint SCALED = 0;
layout(constant_id = GROUP_NORM_ACTIVATION_LAST) const uint ACTIVATION_LAST = 0;
layout(constant_id = GROUP_NORM_ROW_FROM_STEP) const uint ROW_FROM_STEP = 0;

#include "shaders/glsl/clusters.glsl"
#include "shaders/glsl/moments.glsl"
#include "shaders/glsl/scale_shift.glsl"

shared vec4 block_mean[2], block_deviation[2];  // of the channels of one block
shared float group_mean[8], group_variance[8];  // of the workgroup's; until all blocks are read: the sum of squared deviations

// Merges what the workgroup's group `group` has of the channels of block `block` with what it had before, in order.
void merge_block(uint group, uint members, uint block) {
  float m = group_mean[group], m2 = group_variance[group];
  for (uint c = 0; c < 8; c++) {
    uint k = block * 8 + c - group * members;  // the channel's place in the group, or beyond its members
    if (k >= members) continue;
    float delta = block_mean[c / 4][c % 4] - m, share = 1.0 / float(k + 1);
    m += delta * share;
    m2 += block_deviation[c / 4][c % 4] + delta * delta * float(p.pixels) * float(k) * share;
  }
  group_mean[group] = m;
  group_variance[group] = m2;
}

void main() {
  uint cluster = workgroup_index(), lane = gl_LocalInvocationID.x, stride = gl_WorkGroupSize.x;
  if (cluster >= p.clusters) return;
  cluster_place place = find_place(cluster);
  uint members = p.channels / p.groups;
  uint count = (p.pixels + stride / 2 - 1 - lane / 2) / (stride / 2);
  if (lane < 8) group_mean[lane] = group_variance[lane] = 0.0;

  for (uint block = 0; block < place.blocks; block++) {
    uint from = (place.first_block + block) * p.pixels * 2 + lane;
    moments all = merge_lanes(read_moments(from, stride, count));
    if (lane < 2) {
      block_mean[lane] = all.mean;
      block_deviation[lane] = all.deviation;
    }
    barrier();
    if (lane < place.groups) merge_block(lane, members, block);
  }
  if (lane < place.groups) {
    group_variance[lane] /= float(members) * float(p.pixels);
    mean[place.first_statistic + lane] = group_mean[lane];
    variance[place.first_statistic + lane] = group_variance[lane];
  }
  barrier();

  for (uint block = 0; block < place.blocks; block++) {
    uint from = (place.first_block + block) * p.pixels * 2 + lane, quad = block * 2 + lane % 2;
    uint c = place.first_quad + quad;
    vec4 m, factor, offset = beta[c], outer_factor = vec4(1.0), outer_offset = vec4(0.0);
    [[unroll]] for (uint k = 0; k < 4; k++) {
      uint group = min((quad * 4 + k) / members, place.groups - 1);  // channels that fill a block up count to the last
      m[k] = group_mean[group];
      factor[k] = 1.0 / sqrt(group_variance[group] + p.epsilon);
    }
    factor *= gamma[c];
    if (SCALED != 0) {
      uint row = place.image;
      if (ROW_FROM_STEP != 0) row = step_words[STEP_INDEX];
      outer_factor = scale_factor(SCALED, place.image, row, c, place.image_quads);
      outer_offset = shift_term(SCALED, row, c, place.image_quads);
    }
    for (uint i = 0; i < count; i++) {
      uint at = from + i * stride;
      vec4 value = (AT(x, at) - m) * factor + offset;
      if (ACTIVATION_LAST == 0) value = activate(value, ACTIVATION);
      if (SCALED != 0) value = outer_factor * value + outer_offset;
      y[at] = ACTIVATION_LAST != 0 ? activate(value, ACTIVATION) : value;
    }
  }
}
