// conv_weight_gradient_texel.comp: the formula of conv_weight_gradient.comp for 1×1 kernels, for CPU drivers. It walks
// over images and passes of 16 pixels: dy with lane = output channel, x with lane = pixel, handed around by shuffles with
// constant lanes.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "shaders/glsl/conv_weight_gradient_texel.glsl"

const int PASS = 16;

float sums[8], bias_sum = 0.0;

#define SUM_OVER(image, from, blocks, block)                                                                 \
  [[dont_unroll]] for (int n = 0; n < int(p.batch); n++)                                                     \
    [[dont_unroll]] for (int first = 0; first < pixels; first += PASS) {                                     \
      int dy_at = w.dy_at + ((n * w.output_blocks + w.output_block) * pixels + first) * 2 + lane;            \
      int x_at = (from) + ((n * (blocks) + (block)) * pixels + first + lane) * 2;                            \
      float g[PASS], sum = 0.0;                                                                              \
      [[unroll]] for (int k = 0; k < PASS; k += 4) {                                                         \
        vec4 v = first + k + lane / 2 < pixels ? imageLoad(dy, dy_at + k * 2) : vec4(0.0);                   \
        [[unroll]] for (int i = 0; i < 4; i++) g[k + i] = turn(v, i, lane);                                  \
        sum += g[k] + g[k + 1] + g[k + 2] + g[k + 3];                                                        \
      }                                                                                                      \
      if (BIAS != 0) bias_sum += sum;                                                                        \
      [[unroll]] for (int half_block = 0; half_block < 2; half_block++)                                      \
        [[unroll]] for (int k = 0; k < PASS; k += 8) {                                                       \
          vec4 v = first + k + lane < pixels ? imageLoad(image, x_at + k * 2 + half_block) : vec4(0.0);      \
          [[unroll]] for (int c = 0; c < 4; c++)                                                             \
            [[unroll]] for (int i = 0; i < 8; i++)                                                           \
              sums[half_block * 4 + c] += subgroupShuffle(v[c], uint(i)) * g[k + i];                         \
        }                                                                                                    \
    }

void main() {
  work w = find_work();
  int lane = int(gl_LocalInvocationID.x), pixels = int(p.height * p.width);
  int first_blocks = SECOND != 0 ? int(p.first_blocks) : w.input_blocks;
  [[unroll]] for (int c = 0; c < 8; c++) sums[c] = 0.0;

  if (SECOND == 0 || w.input_block < first_blocks) {
    SUM_OVER(x, w.x_at, first_blocks, w.input_block)
  } else {
    SUM_OVER(second, 0, w.input_blocks - first_blocks, w.input_block - first_blocks)
  }

  int to = w.dw_at + (w.output_block * w.input_blocks + w.input_block) * 2 * 8 + lane;
  dw[to] = vec4(sums[0], sums[1], sums[2], sums[3]);
  dw[to + 8] = vec4(sums[4], sums[5], sums[6], sums[7]);
  if (BIAS != 0 && w.layer == 0 && w.input_block == 0) db[w.output_block * 8 + lane] = bias_sum;
}
