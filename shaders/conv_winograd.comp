// conv_winograd.comp: 3×3 convolution as in conv_texel.comp, with Winograd's minimal filtering F(4,3) along columns
// (Lavin & Gray 2016): four output rows from six input rows take 6·3 products a pixel column instead of 12·3. With the
// transforms Bᵀ of input columns, G of kernel columns and Aᵀ of sums: y = Aᵀ Σ (Bᵀ x) · (G w). Workgroup, lanes, loads and
// shuffles are those of conv_texel.comp; a tile is 4 rows × 8·GROUPS columns, or 8 × 8, which is two of 4 × 8 that share the
// transformed weights. With ONE_ADDRESS (uniform.glsl) no store stands in a branch: what lies beside the image goes to the place
// of the row's last pixel, which is stored after it.
// Worth it: llvmpipe (Mesa 22.3), 64 → 64 channels at 16×16: conv_texel 43 GFLOP a CPU second, this one 57 of the same
// convolution. Its error is four times that of conv_texel, still a third of the tolerance. ONE_ADDRESS, and 8 × 8 for images of 8
// columns: 0.87 of the time at 16×16, 0.81 to 0.84 at 8×8, but a pipeline takes 0.9 s to make instead of 0.6 and 0.3 s.
#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_KHR_shader_subgroup_shuffle : require
#extension GL_EXT_control_flow_attributes : require
#include "shaders/conv.h"
#include "shaders/glsl/activation.glsl"
#include "shaders/glsl/split.glsl"
#include "shaders/glsl/uniform.glsl"
#include "shaders/glsl/winograd.glsl"

layout(local_size_x = 8) in;
layout(binding = 0, rgba32f) readonly uniform imageBuffer x;       // (N, C1, H, W) C8; UPSAMPLED: (N, C1, H/2, W/2)
layout(binding = 1, rgba32f) readonly uniform imageBuffer second;  // (N, C2, H, W) C8
layout(binding = 2, rgba32f) readonly uniform imageBuffer weight;  // (O, C1 + C2, 3, 3) WEIGHT
layout(binding = 3) readonly buffer Bias { float bias[]; };        // (1, O, 1, 1) C8
layout(binding = 4) readonly buffer Residual { float residual[]; };// as y
layout(binding = 5) writeonly buffer Y { vec4 y[]; };              // (N, O, H, W) C8
layout(push_constant) uniform Push { conv_parameters p; UNIFORM_DIGITS };

layout(constant_id = CONV_ACTIVATION) const uint ACTIVATION = ACTIVATION_NONE;
layout(constant_id = CONV_SECOND) const uint SECOND = 0;
layout(constant_id = CONV_RESIDUAL) const uint RESIDUAL = 0;
layout(constant_id = CONV_BIAS) const uint BIAS = 1;
layout(constant_id = CONV_ROWS) const int ROWS = 4;
layout(constant_id = CONV_GROUPS) const int GROUPS = 2;
layout(constant_id = CONV_TILED) const uint TILED = 0;
layout(constant_id = CONV_EXACT) const uint EXACT = 1;
layout(constant_id = CONV_SPLIT) const uint SPLIT = 0;
layout(constant_id = CONV_ONE_ADDRESS) const uint ONE_ADDRESS = 0;

const int HALF = SECOND == CONV_UPSAMPLED ? 1 : 0;
const int HIGH = 4, POINTS = 6, TAPS = 9;  // HIGH: rows that six points make
const int COLUMNS = 8 * GROUPS;
const int PLACES = ROWS / HIGH * COLUMNS;  // columns of both parts of a tile, the upper one's first

float sums[POINTS * PLACES];

// Adds the products of one transformed vector: point `i`, input column `column` of the tile's part whose columns begin at
// `part` (-1 and COLUMNS stand beside it), all lanes holding `value`, with the transformed weights of channel `channel` of the four.
// Worth being neither a function nor a loop over the taps, from which Mesa 22.3 unrolls more and copies `u` for each call:
// the 18 pipelines that f 64 samples with are made in 0.39 s instead of 0.51 s of one core, and keep 7 MiB less.
#define ADD_TAP(i, part, c, kx, value, channel)                                                              \
  if ((c) >= 0 && (c) < COLUMNS) sums[(i) * PLACES + (part) + (c)] += value * u[kx * POINTS + (i)][channel];
#define ACCUMULATE(i, part, column, from, from_lane, channel)                                                \
  {                                                                                                          \
    float value = subgroupShuffle((from)[channel], uint(from_lane));                                         \
    ADD_TAP(i, part, (column) + 1, 0, value, channel)                                                        \
    ADD_TAP(i, part, column, 1, value, channel)                                                              \
    ADD_TAP(i, part, (column) - 1, 2, value, channel)                                                        \
  }

// One vec4 an image pixel: zero outside the image. `in_rows`, `in_columns`: it is known to lie within them.
#define LOAD(image, base, row, in_rows, column, in_columns)                                                  \
  (((in_rows) || ((row) >= 0 && (row) < int(p.height))) &&                                                   \
           ((in_columns) || ((column) >= 0 && (column) < int(p.width)))                                      \
       ? imageLoad(image, (base) + (((row) >> HALF) * (int(p.width) >> HALF) + ((column) >> HALF)) * 2)      \
       : vec4(0.0))

// Where four channels of the input begin in x, which holds both tensors, or the first one of `quads` / 4 channels.
int find_x(int n, int quad, int quads, int pixels) {
  if (SECOND != CONV_SECOND_FOLLOWS) return (n * quads / 2 + quad / 2) * pixels * 2 + quad % 2;
  int first_quads = int(p.first_quads), second_quads = int(p.second_quads);
  bool is_second = quad >= first_quads;
  int at = is_second ? int(p.second_in) : 0, within = is_second ? quad - first_quads : quad;
  return at + (n * (is_second ? second_quads : first_quads) / 2 + within / 2) * pixels * 2 + within % 2;
}

int find_second(int n, int quad, int quads, int pixels) { return (n * quads / 2 + quad / 2) * pixels * 2 + quad % 2; }

// The sum over the channels of one binding; `quad_offset` is where its channels begin in the weights.
#define SUM_OVER(image, quads, quad_offset, find)                                                            \
  [[dont_unroll]] for (int quad = 0; quad < int(quads); quad++) {                                            \
    vec4 u[3 * POINTS], v[POINTS * PLACES / 8], beside[POINTS], d[POINTS];                                   \
    int weight_at = ((weight_block * all_quads + int(quad_offset) + quad) * TAPS) * 8 + lane;                \
    [[unroll]] for (int kx = 0; kx < 3; kx++) {                                                              \
      vec4 g0 = imageLoad(weight, weight_at + kx * 8), g1 = imageLoad(weight, weight_at + (3 + kx) * 8);     \
      vec4 g2 = imageLoad(weight, weight_at + (6 + kx) * 8);                                                 \
      vec4 outer = (g0 + g2) * (-1.0 / 6.0), inner = g1 * (1.0 / 6.0);                                       \
      vec4 wide = g0 * (1.0 / 24.0) + g2 * (1.0 / 6.0), narrow = g1 * (1.0 / 12.0);                          \
      u[kx * POINTS] = g0 * 0.25;                                                                            \
      u[kx * POINTS + 1] = outer - inner;                                                                    \
      u[kx * POINTS + 2] = outer + inner;                                                                    \
      u[kx * POINTS + 3] = wide + narrow;                                                                    \
      u[kx * POINTS + 4] = wide - narrow;                                                                    \
      u[kx * POINTS + 5] = g2;                                                                               \
    }                                                                                                        \
    int base = find(n, quad, int(quads), pixels >> 2 * HALF);                                                \
    [[unroll]] for (int group = 0; group < PLACES / 8; group++) {                                            \
      [[unroll]] for (int row = 0; row < POINTS; row++)                                                      \
        d[row] = LOAD(image, base, first_row + group / GROUPS * HIGH + row - 1,                              \
                      EXACT != 0 && row > 0 && row <= HIGH, first_column + group % GROUPS * 8 + lane, EXACT != 0); \
      TRANSFORM_INPUT(v, d, group * POINTS)                                                                  \
    }                                                                                                        \
    if (TILED != 0) {                                                                                        \
      [[unroll]] for (int row = 0; row < POINTS; row++)                                                      \
        d[row] = LOAD(image, base, first_row + row - 1, EXACT != 0 && row > 0 && row <= HIGH,                \
                      first_column + (lane == 0 ? -1 : COLUMNS), false);                                     \
      TRANSFORM_INPUT(beside, d, 0)                                                                          \
    }                                                                                                        \
    [[unroll]] for (int i = 0; i < POINTS; i++) {                                                            \
      [[unroll]] for (int channel = 0; channel < 4; channel++) {                                             \
        [[unroll]] for (int at = 0; at < PLACES; at++)                                                       \
          ACCUMULATE(i, at / COLUMNS * COLUMNS, at % COLUMNS, v[at / 8 * POINTS + i], at % 8, channel)       \
        if (TILED != 0) {                                                                                    \
          ACCUMULATE(i, 0, -1, beside[i], 0, channel)                                                        \
          ACCUMULATE(i, 0, COLUMNS, beside[i], 1, channel)                                                   \
        }                                                                                                    \
      }                                                                                                      \
    }                                                                                                        \
  }

void main() {
  int lane = int(gl_LocalInvocationID.x), block = UNIFORM_OF(gl_WorkGroupID.x), n = UNIFORM_OF(gl_WorkGroupID.z);
  int tiles_x = (int(p.width) + COLUMNS - 1) / COLUMNS, tile = UNIFORM_OF(gl_WorkGroupID.y);
  int first_row = tile / tiles_x * ROWS, first_column = tile % tiles_x * COLUMNS;
  int weight_block = int(p.first_block) + block;
  int pixels = int(p.height * p.width), all_quads = int(p.first_quads + p.second_quads);
  [[unroll]] for (int i = 0; i < POINTS * PLACES; i++) sums[i] = 0.0;

  SUM_OVER(x, SECOND == CONV_SECOND_FOLLOWS ? uint(all_quads) : p.first_quads, 0, find_x)
  if (SECOND == CONV_SECOND_BOUND) SUM_OVER(second, p.second_quads, p.first_quads, find_second)

  float b = 0.0;
  if (BIAS != 0) b = bias[block * 8 + lane];
  int to = (n * int(p.out_blocks) + block) * pixels * 2;
  if (SPLIT != 0) to = block_at(n, block, int(p.out_blocks), int(p.split), int(p.second_at), pixels);
  to += (first_row * int(p.width) + first_column) * 2;
  int last_column = int(p.width) - 1 - first_column;  // of the image, in the tile
  [[unroll]] for (int at = PLACES - 1; at >= 0; at--) {
    if (ONE_ADDRESS == 0 && EXACT == 0 && at % COLUMNS > last_column) continue;
    float m[POINTS];
    [[unroll]] for (int i = 0; i < POINTS; i++) m[i] = sums[i * PLACES + at];
    float even = m[1] + m[2], odd = m[1] - m[2], even_2 = m[3] + m[4], odd_2 = m[3] - m[4];
    float rows[HIGH] = {m[0] + even + even_2, odd + 2.0 * odd_2, even + 4.0 * even_2, odd + 8.0 * odd_2 + m[5]};
    [[unroll]] for (int i = HIGH - 1; i >= 0; i--) {
      int row = at / COLUMNS * HIGH + i, column = at % COLUMNS;
      if (EXACT == 0) column = min(column, last_column);
      int pixel = to + (row * int(p.width) + column) * 2;
      float value = activate(rows[i] + b, ACTIVATION);
      if (RESIDUAL != 0) value += residual[pixel * 4 + lane];
      value *= p.scale;
      if (ONE_ADDRESS != 0) STORE_LANES(y, pixel, value)
      else y[pixel + lane / 4][lane % 4] = value;
    }
  }
}
