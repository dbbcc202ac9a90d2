// conv_texel.comp: the formula of conv.comp, for CPU drivers, whose fast read is a texel and whose subgroups are
// vector registers. One workgroup of 8 makes a tile of ROWS × 8·GROUPS pixels of eight output channels: lane = output
// channel, one accumulator a pixel. Input is loaded with lane = pixel, a vec4 of four channels each, and handed to all
// lanes by shuffles with constant lanes. The loop runs over input channels, four at a time.
// Worth it: llvmpipe (Mesa 22.3), 64 → 64 channels at 16×16: plain 1–3 GFLOP a CPU second, this one above 40.
#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_KHR_shader_subgroup_shuffle : require
#extension GL_EXT_control_flow_attributes : require
#include "shaders/conv.h"
#include "shaders/glsl/activation.glsl"
#include "shaders/glsl/schedule.glsl"
#include "shaders/glsl/split.glsl"

layout(local_size_x = 8) in;
layout(binding = 0, rgba32f) readonly uniform imageBuffer x;       // (N, C1, H, W) C8; UPSAMPLED: (N, C1, H/2, W/2)
layout(binding = 1, rgba32f) readonly uniform imageBuffer second;  // (N, C2, H, W) C8
layout(binding = 2, rgba32f) readonly uniform imageBuffer weight;  // (O, C1 + C2, k, k) WEIGHT
layout(binding = 3) readonly buffer Bias { float bias[]; };        // (1, O, 1, 1) C8
layout(binding = 4) readonly buffer Residual { float residual[]; };// as y
layout(binding = 5) writeonly buffer Y { float y[]; };             // (N, O, H, W) C8
layout(push_constant) uniform Push { conv_parameters p; };

layout(constant_id = CONV_KERNEL) const int KERNEL = 3;
layout(constant_id = CONV_ACTIVATION) const uint ACTIVATION = ACTIVATION_NONE;
layout(constant_id = CONV_SECOND) const uint SECOND = 0;
layout(constant_id = CONV_RESIDUAL) const uint RESIDUAL = 0;
layout(constant_id = CONV_BIAS) const uint BIAS = 1;
layout(constant_id = CONV_ROWS) const int ROWS = 2;
layout(constant_id = CONV_GROUPS) const int GROUPS = 2;
layout(constant_id = CONV_TILED) const uint TILED = 0;
layout(constant_id = CONV_EXACT) const uint EXACT = 1;
layout(constant_id = CONV_SPLIT) const uint SPLIT = 0;

const int HALF = SECOND == CONV_UPSAMPLED ? 1 : 0;
const int R = KERNEL / 2;
const int TAPS = KERNEL * KERNEL;
const int COLUMNS = 8 * GROUPS;
const int LOADED_ROWS = ROWS + 2 * R;

float sums[ROWS * COLUMNS];

// Adds the products of one loaded vector: input column `column` of the tile (-1 and COLUMNS stand beside it) in loaded
// row `row`, all lanes holding `value`, with the weights of channel `channel` of the four.
void accumulate(int row, int column, float value, vec4 w[TAPS], int channel) {
  [[unroll]] for (int ky = 0; ky < KERNEL; ky++) {
    int r = row - ky;
    if (r < 0 || r >= ROWS) continue;
    [[unroll]] for (int kx = 0; kx < KERNEL; kx++) {
      int c = column + R - kx;
      if (c >= 0 && c < COLUMNS) sums[r * COLUMNS + c] += value * w[ky * KERNEL + kx][channel];
    }
  }
}

// One vec4 an image pixel: zero outside the image.
#define LOAD(image, base, row, column)                                                                       \
  ((row) >= 0 && (row) < int(p.height) && (column) >= 0 && (column) < int(p.width)                           \
       ? imageLoad(image, (base) + (((row) >> HALF) * (int(p.width) >> HALF) + ((column) >> HALF)) * 2)      \
       : vec4(0.0))

// The sum over the channels of one input tensor; `quad_offset` is where its channels begin in the weights.
#define SUM_OVER(image, quads, quad_offset)                                                                  \
  [[dont_unroll]] for (int quad = 0; quad < int(quads); quad++) {                                            \
    vec4 w[TAPS], v[LOADED_ROWS * GROUPS], beside[LOADED_ROWS];                                              \
    int weight_at = ((weight_block * all_quads + int(quad_offset) + quad) * TAPS) * 8 + lane;                \
    [[unroll]] for (int t = 0; t < TAPS; t++) w[t] = imageLoad(weight, weight_at + t * 8);                   \
    int base = (n * int(quads) / 2 + quad / 2) * (pixels >> 2 * HALF) * 2 + quad % 2;                        \
    [[unroll]] for (int row = 0; row < LOADED_ROWS; row++) {                                                 \
      int y = first_row + row - R, left = lane == 0 ? -1 : COLUMNS;                                          \
      [[unroll]] for (int group = 0; group < GROUPS; group++)                                                \
        v[row * GROUPS + group] = LOAD(image, base, y, first_column + group * 8 + lane);                     \
      if (TILED != 0 && R > 0) beside[row] = LOAD(image, base, y, first_column + left);                      \
    }                                                                                                        \
    [[unroll]] for (int channel = 0; channel < 4; channel++) {                                               \
      SCHEDULE_BARRIER(sums[0])                                                                              \
      [[unroll]] for (int row = 0; row < LOADED_ROWS; row++) {                                               \
        [[unroll]] for (int column = 0; column < COLUMNS; column++)                                          \
          accumulate(row, column,                                                                            \
                     subgroupShuffle(v[row * GROUPS + column / 8][channel], uint(column % 8)), w, channel);  \
        if (TILED != 0 && R > 0) {                                                                           \
          accumulate(row, -1, subgroupShuffle(beside[row][channel], 0u), w, channel);                        \
          accumulate(row, COLUMNS, subgroupShuffle(beside[row][channel], 1u), w, channel);                   \
        }                                                                                                    \
      }                                                                                                      \
    }                                                                                                        \
  }

void main() {
  int lane = int(gl_LocalInvocationID.x), block = int(gl_WorkGroupID.x), n = int(gl_WorkGroupID.z);
  int tiles_x = (int(p.width) + COLUMNS - 1) / COLUMNS;
  int first_row = int(gl_WorkGroupID.y) / tiles_x * ROWS, first_column = int(gl_WorkGroupID.y) % tiles_x * COLUMNS;
  int weight_block = int(p.first_block) + block;
  int pixels = int(p.height * p.width), all_quads = int(p.first_quads + p.second_quads);
  [[unroll]] for (int i = 0; i < ROWS * COLUMNS; i++) sums[i] = 0.0;

  SUM_OVER(x, p.first_quads, 0)
  if (SECOND == CONV_SECOND_BOUND) SUM_OVER(second, p.second_quads, p.first_quads)

  float b = 0.0;
  if (BIAS != 0) b = bias[block * 8 + lane];
  int to = ((n * int(p.out_blocks) + block) * pixels + first_row * int(p.width) + first_column) * 8 + lane;
  if (SPLIT != 0) {
    to = block_at(n, block, int(p.out_blocks), int(p.split), int(p.second_at), pixels) * 4;
    to += (first_row * int(p.width) + first_column) * 8 + lane;
  }
  [[unroll]] for (int row = 0; row < ROWS; row++)
    [[unroll]] for (int column = 0; column < COLUMNS; column++) {
      if (EXACT == 0 && (first_row + row >= int(p.height) || first_column + column >= int(p.width))) continue;
      int at = to + (row * int(p.width) + column) * 8;
      float value = activate(sums[row * COLUMNS + column] + b, ACTIVATION);
      if (RESIDUAL != 0) value += residual[at];
      y[at] = value * p.scale;
    }
}
