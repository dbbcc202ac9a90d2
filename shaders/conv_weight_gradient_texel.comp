// conv_weight_gradient_texel.comp: the formula of conv_weight_gradient.comp, for CPU drivers (see conv_texel.comp). One
// workgroup of 8 makes all taps of four input channels in eight output channels: lane = output channel, one accumulator
// a tap and input channel. It walks over images, rows and passes of 8·GROUPS columns: dy with lane = output channel, x
// with lane = pixel, handed around by shuffles with constant lanes.
#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_KHR_shader_subgroup_shuffle : require
#extension GL_EXT_control_flow_attributes : require
#include "shaders/conv_weight_gradient.h"

layout(local_size_x = 8) in;
layout(binding = 0, rgba32f) readonly uniform imageBuffer x;       // (N, C1, H, W) C8
layout(binding = 1, rgba32f) readonly uniform imageBuffer second;  // (N, C2, H, W) C8
layout(binding = 2, r32f) readonly uniform imageBuffer dy;         // (N, O, H, W) C8
layout(binding = 3) writeonly buffer Dw { vec4 dw[]; };            // (O, C1 + C2, k, k) WEIGHT
layout(push_constant) uniform Push { conv_weight_gradient_parameters p; };

layout(constant_id = CONV_WEIGHT_GRADIENT_KERNEL) const int KERNEL = 3;
layout(constant_id = CONV_WEIGHT_GRADIENT_SECOND) const uint SECOND = 0;
layout(constant_id = CONV_WEIGHT_GRADIENT_GROUPS) const int GROUPS = 2;
layout(constant_id = CONV_WEIGHT_GRADIENT_TILED) const uint TILED = 0;

const int R = KERNEL / 2;
const int TAPS = KERNEL * KERNEL;
const int COLUMNS = 8 * GROUPS;

float sums[TAPS * 4];

// Adds input column `column` of the pass in the row of kernel row `ky`, all lanes holding `value`.
void accumulate(int ky, int column, float value, float g[COLUMNS], int channel) {
  [[unroll]] for (int kx = 0; kx < KERNEL; kx++) {
    int c = column + R - kx;
    if (c >= 0 && c < COLUMNS) sums[(ky * KERNEL + kx) * 4 + channel] += value * g[c];
  }
}

#define LOAD(image, base, row, column)                                                                       \
  ((row) >= 0 && (row) < int(p.height) && (column) >= 0 && (column) < int(p.width)                           \
       ? imageLoad(image, (base) + ((row) * int(p.width) + (column)) * 2)                                    \
       : vec4(0.0))

#define SUM_OVER(image, quads, quad)                                                                         \
  [[dont_unroll]] for (int n = 0; n < int(p.batch); n++)                                                     \
    [[dont_unroll]] for (int pass = 0; pass < int(p.height) * passes; pass++) {                              \
      int row = pass / passes, first_column = pass % passes * COLUMNS;                                       \
      int from = ((n * int(p.out_blocks) + block) * pixels + row * int(p.width) + first_column) * 8 + lane;  \
      float g[COLUMNS];                                                                                      \
      [[unroll]] for (int c = 0; c < COLUMNS; c++)                                                           \
        g[c] = first_column + c < int(p.width) ? imageLoad(dy, from + c * 8).x : 0.0;                        \
      int base = (n * int(quads) / 2 + (quad) / 2) * pixels * 2 + (quad) % 2;                                \
      [[unroll]] for (int ky = 0; ky < KERNEL; ky++) {                                                       \
        [[unroll]] for (int group = 0; group < GROUPS; group++) {                                            \
          vec4 v = LOAD(image, base, row + ky - R, first_column + group * 8 + lane);                         \
          [[unroll]] for (int channel = 0; channel < 4; channel++)                                           \
            [[unroll]] for (int k = 0; k < 8; k++)                                                           \
              accumulate(ky, group * 8 + k, subgroupShuffle(v[channel], uint(k)), g, channel);               \
        }                                                                                                    \
        if (TILED != 0 && R > 0) {                                                                           \
          vec4 v = LOAD(image, base, row + ky - R, first_column + (lane == 0 ? -1 : COLUMNS));               \
          [[unroll]] for (int channel = 0; channel < 4; channel++) {                                         \
            accumulate(ky, -1, subgroupShuffle(v[channel], 0u), g, channel);                                 \
            accumulate(ky, COLUMNS, subgroupShuffle(v[channel], 1u), g, channel);                            \
          }                                                                                                  \
        }                                                                                                    \
      }                                                                                                      \
    }

void main() {
  int lane = int(gl_LocalInvocationID.x), quad = int(gl_WorkGroupID.x), block = int(gl_WorkGroupID.y);
  int pixels = int(p.height * p.width), all_quads = int(p.first_quads + p.second_quads);
  int passes = (int(p.width) + COLUMNS - 1) / COLUMNS;
  [[unroll]] for (int i = 0; i < TAPS * 4; i++) sums[i] = 0.0;

  if (SECOND == 0 || quad < int(p.first_quads)) {
    SUM_OVER(x, p.first_quads, quad)
  } else {
    SUM_OVER(second, p.second_quads, quad - int(p.first_quads))
  }

  [[unroll]] for (int t = 0; t < TAPS; t++)
    dw[((block * all_quads + quad) * TAPS + t) * 8 + lane] =
        vec4(sums[t * 4], sums[t * 4 + 1], sums[t * 4 + 2], sums[t * 4 + 3]);
}
