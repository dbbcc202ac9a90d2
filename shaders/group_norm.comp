// group_norm.comp: y = activation(γ[c] · (x - mean[n, g]) / √(variance[n, g] + ε) + β[c]) with G groups g of C/G
// neighbouring channels, their mean and biased variance (Wu & He 2018). With TERM x counts as x + scale[n, c]. One workgroup: one or more whole groups of one
// image, CLUSTER blocks of eight channels or what is left of them. A pair of lanes: every LANES/2'th pixel.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "shaders/glsl/activation.glsl"
#include "shaders/glsl/index.glsl"
#include "shaders/glsl/vectors.glsl"
#include "shaders/group_norm.h"
#include "shaders/step.h"

layout(local_size_x_id = GROUP_NORM_LANES) in;
VECTORS(0, X, x);                                                     // (N, C, H, W) C8, or with SECOND (N, C1, H, W) C8
layout(binding = 1) readonly buffer Gamma { vec4 gamma[]; };          // (1, C, 1, 1) C8
layout(binding = 2) readonly buffer Beta { vec4 beta[]; };            // (1, C, 1, 1) C8
layout(binding = 3) writeonly buffer Mean { float mean[]; };          // (N, G, 1, 1) C8
layout(binding = 4) writeonly buffer Variance { float variance[]; };  // (N, G, 1, 1) C8
layout(binding = 5) writeonly buffer Y { vec4 y[]; };                 // as x
layout(binding = 6) readonly buffer Scale { vec4 scale[]; };          // as in scale_shift.comp
layout(binding = 7) readonly buffer Shift { vec4 shift[]; };          // the same
layout(binding = 8) readonly buffer Step { uint step_words[]; };      // STEP_WORDS, raw
VECTORS(9, Second, second);                                           // (N, C - C1, H, W) C8
layout(push_constant) uniform Push { group_norm_parameters p; };

layout(constant_id = GROUP_NORM_ACTIVATION) const uint ACTIVATION = ACTIVATION_NONE;
layout(constant_id = GROUP_NORM_CLUSTER) const uint CLUSTER = 1;
layout(constant_id = GROUP_NORM_SCALED) const uint SCALED = 0;
layout(constant_id = GROUP_NORM_ACTIVATION_LAST) const uint ACTIVATION_LAST = 0;
layout(constant_id = GROUP_NORM_ROW_FROM_STEP) const uint ROW_FROM_STEP = 0;
layout(constant_id = GROUP_NORM_TERM) const uint TERM = 0;
layout(constant_id = GROUP_NORM_SECOND) const uint SECOND = 0;

#include "shaders/glsl/clusters.glsl"
#include "shaders/glsl/moments.glsl"
#include "shaders/glsl/scale_shift.glsl"

READ_MOMENTS(read_moments, x)
READ_MOMENTS(read_second_moments, second)

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

// Whether block `block` of the place is the second tensor's.
bool is_second(cluster_place place, uint block) { return SECOND != 0 && place.first_quad / 2 + block >= p.first_blocks; }

// Where the block begins in the tensor that has it.
uint find_block(cluster_place place, uint block) {
  uint within = place.first_quad / 2 + block, second_blocks = place.image_quads / 2 - p.first_blocks;
  if (SECOND == 0) return (place.first_block + block) * p.pixels * 2;
  if (within < p.first_blocks) return (place.image * p.first_blocks + within) * p.pixels * 2;
  return (place.image * second_blocks + within - p.first_blocks) * p.pixels * 2;
}

uint find_row(cluster_place place) { return ROW_FROM_STEP != 0 ? step_words[STEP_INDEX] : place.image; }

// What is added to x's channels c before they are normalised.
vec4 find_term(cluster_place place, uint c) {
  return TERM != 0 ? shift_term(SCALE_SHIFT_SUM, find_row(place), c, place.image_quads) : vec4(0.0);
}

// The pixels of a lane, of `tensor`.
#define NORMALISE(tensor)                                                    \
  for (uint i = 0; i < count; i++) {                                         \
    vec4 value = (AT(tensor, from + i * stride) - m) * factor + offset;      \
    if (ACTIVATION_LAST == 0) value = activate(value, ACTIVATION);           \
    if (SCALED != 0) value = outer_factor * value + outer_offset;            \
    y[to + i * stride] = ACTIVATION_LAST != 0 ? activate(value, ACTIVATION) : value; \
  }

void main() {
  uint cluster = workgroup_index(), lane = gl_LocalInvocationID.x, stride = gl_WorkGroupSize.x;
  if (cluster >= p.clusters) return;
  cluster_place place = find_place(cluster);
  uint members = p.channels / p.groups;
  uint count = (p.pixels + stride / 2 - 1 - lane / 2) / (stride / 2);
  if (lane < 8) group_mean[lane] = group_variance[lane] = 0.0;

  for (uint block = 0; block < place.blocks; block++) {
    uint from = find_block(place, block) + lane;
    moments mine;
    if (is_second(place, block)) mine = read_second_moments(from, stride, count);
    else mine = read_moments(from, stride, count);
    moments all = merge_lanes(mine);
    if (lane < 2) {
      block_mean[lane] = all.mean;
      if (TERM != 0) block_mean[lane] += find_term(place, place.first_quad + block * 2 + lane);
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
    uint from = find_block(place, block) + lane, to = (place.first_block + block) * p.pixels * 2 + lane, quad = block * 2 + lane % 2;
    uint c = place.first_quad + quad;
    vec4 m, factor, offset = beta[c], outer_factor = vec4(1.0), outer_offset = vec4(0.0);
    [[unroll]] for (uint k = 0; k < 4; k++) {
      uint group = min((quad * 4 + k) / members, place.groups - 1);  // channels that fill a block up count to the last
      m[k] = group_mean[group];
      factor[k] = 1.0 / sqrt(group_variance[group] + p.epsilon);
    }
    factor *= gamma[c];
    if (TERM != 0) m -= find_term(place, c);
    if (SCALED != 0) {
      outer_factor = scale_factor(SCALED, place.image, find_row(place), c, place.image_quads);
      outer_offset = shift_term(SCALED, find_row(place), c, place.image_quads);
    }
    if (is_second(place, block)) NORMALISE(second) else NORMALISE(x)
  }
}
