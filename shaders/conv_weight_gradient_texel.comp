// conv_weight_gradient_texel.comp: the formula of conv_weight_gradient.comp, for CPU drivers (see conv_texel.comp). One
// workgroup of 8 makes all taps of eight input channels in eight output channels: lane = output channel, one accumulator
// a tap and input channel. It walks over images, rows and passes of 8·GROUPS columns: dy with lane = output channel, x
// with lane = pixel, handed around by shuffles with constant lanes. Several layers with images of one size may make one
// dispatch; with BIAS, it makes db[o] = Σ_n Σ_y Σ_x dy[n, o, y, x] of the first, too.
#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_KHR_shader_subgroup_shuffle : require
#extension GL_EXT_control_flow_attributes : require
#include "shaders/conv_weight_gradient.h"
#include "shaders/schedule.glsl"

layout(local_size_x = 8) in;
layout(binding = 0, rgba32f) readonly uniform imageBuffer x;       // (N, C1, H, W) C8, of every layer
layout(binding = 1, rgba32f) readonly uniform imageBuffer second;  // (N, C2, H, W) C8, of the only one
layout(binding = 2, rgba32f) readonly uniform imageBuffer dy;      // (N, O, H, W) C8, of every layer
layout(binding = 3) writeonly buffer Dw { vec4 dw[]; };            // (O, C1 + C2, k, k) WEIGHT, of every layer
layout(binding = 4) writeonly buffer Db { float db[]; };           // (1, O, 1, 1) C8, of the first one
layout(binding = 5) readonly buffer Table { uint layers[]; };      // one row a layer, raw
layout(push_constant) uniform Push { conv_weight_gradient_texel_parameters p; };

layout(constant_id = CONV_WEIGHT_GRADIENT_KERNEL) const int KERNEL = 3;
layout(constant_id = CONV_WEIGHT_GRADIENT_SECOND) const uint SECOND = 0;
layout(constant_id = CONV_WEIGHT_GRADIENT_GROUPS) const int GROUPS = 2;
layout(constant_id = CONV_WEIGHT_GRADIENT_TILED) const uint TILED = 0;
layout(constant_id = CONV_WEIGHT_GRADIENT_BIAS) const uint BIAS = 0;

const int R = KERNEL / 2;
const int TAPS = KERNEL * KERNEL;
const int COLUMNS = 8 * GROUPS;

float sums[2][TAPS * 4], bias_sum = 0.0;

// Adds input column `column` of the pass in the row of kernel row `ky`, all lanes holding `value` of channel `channel`
// of the four of `half_block`.
void accumulate(int ky, int column, float value, float g[COLUMNS], int half_block, int channel) {
  [[unroll]] for (int kx = 0; kx < KERNEL; kx++) {
    int c = column + R - kx;
    if (c >= 0 && c < COLUMNS) sums[half_block][(ky * KERNEL + kx) * 4 + channel] += value * g[c];
  }
}

#define LOAD(image, base, row, column)                                                                       \
  ((row) >= 0 && (row) < int(p.height) && (column) >= 0 && (column) < int(p.width)                           \
       ? imageLoad(image, (base) + ((row) * int(p.width) + (column)) * 2)                                    \
       : vec4(0.0))

// Pass by pass, so that sums stay short.
void add_bias(float g[COLUMNS]) {
  float sum = 0.0;
  [[unroll]] for (int c = 0; c < COLUMNS; c++) sum += g[c];
  bias_sum += sum;
}

// Pixel `k` of four that were loaded with lane = (pixel, half): its eight channels, lane = channel.
float turn(vec4 v, int k, int lane) {
  uint from = uint(k * 2 + lane / 4);
  float a = subgroupShuffle(v.x, from), b = subgroupShuffle(v.y, from);
  float c = subgroupShuffle(v.z, from), d = subgroupShuffle(v.w, from);
  float low = lane % 2 == 0 ? a : b, high = lane % 2 == 0 ? c : d;
  return lane % 4 < 2 ? low : high;
}

#define SUM_OVER(image, x_at, blocks, input_block)                                                           \
  [[dont_unroll]] for (int n = 0; n < int(p.batch); n++)                                                     \
    [[dont_unroll]] for (int pass = 0; pass < int(p.height) * passes; pass++) {                              \
      int row = pass / passes, first_column = pass % passes * COLUMNS;                                       \
      int pixel = (n * out_blocks + block) * pixels + row * int(p.width) + first_column;                     \
      int from = dy_at + pixel * 2 + lane;                                                                   \
      float g[COLUMNS];                                                                                      \
      [[unroll]] for (int c = 0; c < COLUMNS; c += 4) {                                                      \
        vec4 v = first_column + c + lane / 2 < int(p.width) ? imageLoad(dy, from + c * 2) : vec4(0.0);       \
        [[unroll]] for (int k = 0; k < 4; k++) g[c + k] = turn(v, k, lane);                                  \
      }                                                                                                      \
      if (BIAS != 0) add_bias(g);                                                                            \
      int base = x_at + (n * int(blocks) + (input_block)) * pixels * 2;                                      \
      [[unroll]] for (int ky = 0; ky < KERNEL; ky++) {                                                       \
        SCHEDULE_BARRIER(sums[0][0])                                                                         \
        [[unroll]] for (int half_block = 0; half_block < 2; half_block++) {                                  \
          [[unroll]] for (int group = 0; group < GROUPS; group++) {                                          \
            vec4 v = LOAD(image, base + half_block, row + ky - R, first_column + group * 8 + lane);          \
            [[unroll]] for (int channel = 0; channel < 4; channel++)                                         \
              [[unroll]] for (int k = 0; k < 8; k++)                                                         \
                accumulate(ky, group * 8 + k, subgroupShuffle(v[channel], uint(k)), g, half_block, channel); \
          }                                                                                                  \
          if (TILED != 0 && R > 0) {                                                                         \
            vec4 v = LOAD(image, base + half_block, row + ky - R, first_column + (lane == 0 ? -1 : COLUMNS)); \
            [[unroll]] for (int channel = 0; channel < 4; channel++) {                                       \
              accumulate(ky, -1, subgroupShuffle(v[channel], 0u), g, half_block, channel);                   \
              accumulate(ky, COLUMNS, subgroupShuffle(v[channel], 1u), g, half_block, channel);              \
            }                                                                                                \
          }                                                                                                  \
        }                                                                                                    \
      }                                                                                                      \
    }

// Which row of the table the workgroup belongs to. There is none without work, for drivers give each thread as many.
uint find_layer() {
  uint layer = 0;
  for (uint i = 1; i < p.layers; i++)
    if (gl_WorkGroupID.x >= layers[i * CONV_WEIGHT_GRADIENT_WORDS + CONV_WEIGHT_GRADIENT_FIRST]) layer = i;
  return layer;
}

void main() {
  uint layer = find_layer() * CONV_WEIGHT_GRADIENT_WORDS, both = layers[layer + CONV_WEIGHT_GRADIENT_BLOCKS];
  int x_at = int(layers[layer + CONV_WEIGHT_GRADIENT_X]), dy_at = int(layers[layer + CONV_WEIGHT_GRADIENT_DY]);
  int dw_at = int(layers[layer + CONV_WEIGHT_GRADIENT_DW]), blocks = int(both & 0xFFFFu), out_blocks = int(both >> 16);
  int pair = int(gl_WorkGroupID.x - layers[layer + CONV_WEIGHT_GRADIENT_FIRST]);
  int lane = int(gl_LocalInvocationID.x), input_block = pair % blocks, block = pair / blocks;
  int pixels = int(p.height * p.width), first_blocks = SECOND != 0 ? int(p.first_blocks) : blocks;
  int passes = (int(p.width) + COLUMNS - 1) / COLUMNS;
  [[unroll]] for (int i = 0; i < TAPS * 4; i++) sums[0][i] = sums[1][i] = 0.0;

  if (SECOND == 0 || input_block < first_blocks) {
    SUM_OVER(x, x_at, first_blocks, input_block)
  } else {
    SUM_OVER(second, 0, blocks - first_blocks, input_block - first_blocks)
  }

  [[unroll]] for (int half_block = 0; half_block < 2; half_block++)
    [[unroll]] for (int t = 0; t < TAPS; t++)
      dw[dw_at + ((block * blocks * 2 + input_block * 2 + half_block) * TAPS + t) * 8 + lane] =
          vec4(sums[half_block][t * 4], sums[half_block][t * 4 + 1], sums[half_block][t * 4 + 2],
               sums[half_block][t * 4 + 3]);
  if (BIAS != 0 && layer == 0 && input_block == 0) db[block * 8 + lane] = bias_sum;
}
