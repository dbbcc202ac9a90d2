// conv_pointwise_texel.comp: the formula of conv.comp for kernels 1×1, for CPU drivers (see conv_texel.comp, whose bits it gives).
// One workgroup of 8 makes 8 · ROWS channels of 8 · GROUPS pixels, counted across images: lane = output channel, ROWS accumulators a
// pixel, so that what is loaded with lane = pixel and handed to all lanes serves ROWS blocks of channels.
// Worth it: llvmpipe (Mesa 22.3), three layers of 256 → 256 channels at 16×16: 3.4 ms of CPU time instead of 4.9, of 64 → 64 at 8×8
// in a batch of 8: 0.64 instead of 0.82.
#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_KHR_shader_subgroup_shuffle : require
#extension GL_EXT_control_flow_attributes : require
#include "shaders/conv.h"
#include "shaders/glsl/activation.glsl"
#include "shaders/glsl/split.glsl"

layout(local_size_x = 8) in;
layout(binding = 0, rgba32f) readonly uniform imageBuffer x;       // (N, C1, H, W) C8
layout(binding = 1, rgba32f) readonly uniform imageBuffer second;  // (N, C2, H, W) C8
layout(binding = 2, rgba32f) readonly uniform imageBuffer weight;  // (O, C1 + C2, 1, 1) WEIGHT
layout(binding = 3) readonly buffer Bias { float bias[]; };        // (1, O, 1, 1) C8
layout(binding = 4) readonly buffer Residual { float residual[]; };// as y
layout(binding = 5) writeonly buffer Y { float y[]; };             // (N, O, H, W) C8
layout(push_constant) uniform Push { conv_parameters p; };

layout(constant_id = CONV_ACTIVATION) const uint ACTIVATION = ACTIVATION_NONE;
layout(constant_id = CONV_SECOND) const uint SECOND = 0;
layout(constant_id = CONV_RESIDUAL) const uint RESIDUAL = 0;
layout(constant_id = CONV_BIAS) const uint BIAS = 1;
layout(constant_id = CONV_ROWS) const int ROWS = 2;
layout(constant_id = CONV_GROUPS) const int GROUPS = 4;
layout(constant_id = CONV_JOINED) const uint JOINED = 0;

float sums[ROWS * 8 * GROUPS];

// The sum over the channels of one input tensor; `quad_offset` is where its channels begin in the weights.
#define SUM_OVER(image, quads, quad_offset)                                                                  \
  [[unroll]] for (int g = 0; g < GROUPS; g++) from[g] = (images[g] * int(quads) / 2 * pixels + places[g]) * 2; \
  [[dont_unroll]] for (int quad = 0; quad < int(quads); quad++) {                                            \
    vec4 w[ROWS];                                                                                            \
    [[unroll]] for (int b = 0; b < ROWS; b++)                                                                \
      w[b] = imageLoad(weight, weight_gap + ((weight_block + b) * all_quads + int(quad_offset) + quad) * 8 + lane);       \
    int channel = quad / 2 * pixels * 2 + quad % 2;                                                          \
    [[unroll]] for (int g = 0; g < GROUPS; g++) {                                                            \
      vec4 v = imageLoad(image, from[g] + channel);                                                          \
      [[unroll]] for (int k = 0; k < 4; k++)                                                                 \
        [[unroll]] for (int i = 0; i < 8; i++) {                                                             \
          float value = subgroupShuffle(v[k], uint(i));                                                      \
          [[unroll]] for (int b = 0; b < ROWS; b++) sums[(b * GROUPS + g) * 8 + i] += value * w[b][k];       \
        }                                                                                                    \
    }                                                                                                        \
  }

void main() {
  int lane = int(gl_LocalInvocationID.x), first_block = int(gl_WorkGroupID.x) * ROWS, pixels = int(p.height * p.width);
  int count = int(p.batch) * pixels, first = int(gl_WorkGroupID.y) * 8 * GROUPS;
  int weight_block = int(p.first_block) + first_block, all_quads = int(p.first_quads + p.second_quads);
  int layer = JOINED != 0 ? first_block / int(p.split) : 0;  // that has all of the blocks
  int weight_gap = layer * int(p.weight_gap), bias_gap = layer * int(p.bias_gap) * 4;
  int images[GROUPS], places[GROUPS];  // of a lane's pixels: which image, and where in it; beyond the last that is made again
  int from[GROUPS];                    // and where they begin in what is read, in texels
  [[unroll]] for (int g = 0; g < GROUPS; g++) {
    int mine = min(first + g * 8 + lane, count - 1);
    images[g] = mine / pixels;
    places[g] = mine % pixels;
  }
  [[unroll]] for (int i = 0; i < ROWS * 8 * GROUPS; i++) sums[i] = 0.0;

  SUM_OVER(x, p.first_quads, 0)
  if (SECOND != 0) SUM_OVER(second, p.second_quads, p.first_quads)

  [[unroll]] for (int b = 0; b < ROWS; b++) {
    float term = 0.0;
    if (BIAS != 0) term = bias[bias_gap + (first_block + b) * 8 + lane];
    [[unroll]] for (int i = 0; i < 8 * GROUPS; i++) {
      int g = i / 8, to = JOINED != 0 ? joined_block_at(images[g], first_block + b, int(p.split), int(p.second_at), pixels)
                                      : block_at(images[g], first_block + b, int(p.out_blocks), int(p.split), int(p.second_at), pixels);
      int at = subgroupShuffle(to * 4 + places[g] * 8, uint(i % 8)) + lane;
      float value = activate(sums[b * 8 * GROUPS + i] + term, ACTIVATION);
      if (RESIDUAL != 0) value += residual[at];
      y[at] = value * p.scale;
    }
  }
}
