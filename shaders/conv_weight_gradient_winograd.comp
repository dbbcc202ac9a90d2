// conv_weight_gradient_winograd.comp: the formula of conv_weight_gradient.comp for 3×3 kernels, for CPU drivers, with
// Winograd's minimal filtering F(3,4) along rows (Lavin & Gray 2016): three taps from four columns of dy and six of x
// take 6 products instead of 12. With the transforms Bᵀ of x, G of dy and Aᵀ of sums: dw = Aᵀ Σ (Bᵀ x) · (G dy), where
// the factors of G's rows wait until the end. A pass takes four tiles of four columns, of one row of an image or of the
// same row of several: dy with lane = output channel; x with lane = (tile, half of the block), transformed there and
// then handed around by shuffles with constant lanes. Each row of x meets three rows of dy, which are kept.
// Worth it: llvmpipe (Mesa 22.3), weight gradients of f 64 at batch 100: 0.60 of the time of nine sums a pixel.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "shaders/glsl/conv_weight_gradient_texel.glsl"
#include "shaders/glsl/winograd.glsl"

layout(constant_id = CONV_WEIGHT_GRADIENT_TILES) const int TILES = 4;  // of an image's row in a pass: 4, 2 or 1

const int POINTS = 6, PASS = 4;  // PASS: tiles of a pass
const int IMAGES = PASS / TILES, COLUMNS = 4 * TILES;

float sums[3 * 8 * POINTS], bias_sum = 0.0;  // kernel row, input channel, point

// One row of dy, transformed but for G's factors; a row below the image is zero.
#define LOAD_DY(u, row)                                                                                      \
  [[unroll]] for (int t = 0; t < PASS; t++) {                                                                \
    int image = n + t / TILES, column = first_column + t % TILES * 4;                                        \
    bool inside = (row) < int(p.height) && image < int(p.batch) && column + lane / 2 < int(p.width);         \
    int at = (image * w.output_blocks + w.output_block) * pixels + (row) * int(p.width) + column;            \
    vec4 v = inside ? imageLoad(dy, w.dy_at + at * 2 + lane) : vec4(0.0);                                    \
    float g0 = turn(v, 0, lane), g1 = turn(v, 1, lane), g2 = turn(v, 2, lane), g3 = turn(v, 3, lane);        \
    float even = g0 + g2, odd = g1 + g3, wide = g0 + 4.0 * g2, narrow = 2.0 * (g1 + 4.0 * g3);               \
    u[t * POINTS] = g0;                                                                                      \
    u[t * POINTS + 1] = even + odd;                                                                          \
    u[t * POINTS + 2] = even - odd;                                                                          \
    u[t * POINTS + 3] = wide + narrow;                                                                       \
    u[t * POINTS + 4] = wide - narrow;                                                                       \
    u[t * POINTS + 5] = g3;                                                                                  \
    if (BIAS != 0) bias_sum += even + odd;                                                                   \
  }

// v = Bᵀ d of the six columns of a tile of x.
#define LOAD_X(v, image_buffer, row)                                                                         \
  {                                                                                                          \
    vec4 d[POINTS];                                                                                          \
    int image = n + lane / 2 / TILES, column = first_column + lane / 2 % TILES * 4 - 1;                      \
    int at = base + (image * image_blocks * pixels + (row) * int(p.width) + column) * 2 + lane % 2;          \
    [[unroll]] for (int j = 0; j < POINTS; j++) {                                                            \
      bool inside = image < int(p.batch) && column + j >= 0 && column + j < int(p.width);                    \
      d[j] = inside ? imageLoad(image_buffer, at + j * 2) : vec4(0.0);                                       \
    }                                                                                                        \
    TRANSFORM_INPUT(v, d, 0)                                                                                 \
  }

// A row of x meets the row of dy below it by the kernel's row 0.
#define ACCUMULATE(i, c, t)                                                                                  \
  {                                                                                                          \
    float value = subgroupShuffle(v[i][(c) % 4], uint((t) * 2 + (c) / 4));                                   \
    sums[(c) * POINTS + (i)] += value * below[(t) * POINTS + (i)];                                           \
    sums[(8 + (c)) * POINTS + (i)] += value * here[(t) * POINTS + (i)];                                      \
    sums[(16 + (c)) * POINTS + (i)] += value * above[(t) * POINTS + (i)];                                    \
  }

#define SUM_OVER(image_buffer, from, blocks, block)                                                          \
  {                                                                                                          \
    int image_blocks = (blocks), base = (from) + (block) * pixels * 2;                                       \
    [[dont_unroll]] for (int n = 0; n < int(p.batch); n += IMAGES)                                           \
      [[dont_unroll]] for (int first_column = 0; first_column < int(p.width); first_column += COLUMNS) {     \
        float above[PASS * POINTS], here[PASS * POINTS], below[PASS * POINTS];                               \
        [[unroll]] for (int i = 0; i < PASS * POINTS; i++) here[i] = 0.0;                                    \
        LOAD_DY(below, 0)                                                                                    \
        [[dont_unroll]] for (int row = 0; row < int(p.height); row++) {                                      \
          [[unroll]] for (int i = 0; i < PASS * POINTS; i++) {                                               \
            above[i] = here[i];                                                                              \
            here[i] = below[i];                                                                              \
          }                                                                                                  \
          LOAD_DY(below, row + 1)                                                                            \
          vec4 v[POINTS];                                                                                    \
          LOAD_X(v, image_buffer, row)                                                                       \
          [[unroll]] for (int i = 0; i < POINTS; i++) {                                                      \
            SCHEDULE_BARRIER(sums[0])                                                                        \
            [[unroll]] for (int c = 0; c < 8; c++)                                                           \
              [[unroll]] for (int t = 0; t < PASS; t++) ACCUMULATE(i, c, t)                                  \
          }                                                                                                  \
        }                                                                                                    \
      }                                                                                                      \
  }

// The three taps of kernel row `ky` that the sums of channel `c` make: Aᵀ, with G's factors.
vec3 finish(int ky, int c) {
  float s[POINTS];
  [[unroll]] for (int i = 0; i < POINTS; i++) s[i] = sums[(ky * 8 + c) * POINTS + i];
  float even = (s[1] + s[2]) * (-1.0 / 6.0), odd = (s[1] - s[2]) * (-1.0 / 6.0);
  float wide = (s[3] + s[4]) * (1.0 / 24.0), narrow = (s[3] - s[4]) * (1.0 / 12.0);
  return vec3(s[0] * 0.25 + even + wide, odd + narrow, even + 4.0 * wide + s[5]);
}

void main() {
  work w = find_work();
  int lane = int(gl_LocalInvocationID.x), pixels = int(p.height * p.width);
  int first_blocks = SECOND != 0 ? int(p.first_blocks) : w.input_blocks;
  [[unroll]] for (int i = 0; i < 3 * 8 * POINTS; i++) sums[i] = 0.0;

  if (SECOND == 0 || w.input_block < first_blocks) {
    SUM_OVER(x, w.x_at, first_blocks, w.input_block)
  } else {
    SUM_OVER(second, 0, w.input_blocks - first_blocks, w.input_block - first_blocks)
  }

  [[unroll]] for (int half_block = 0; half_block < 2; half_block++) {
    int to = w.dw_at + ((w.output_block * w.input_blocks + w.input_block) * 2 + half_block) * 9 * 8 + lane;
    [[unroll]] for (int ky = 0; ky < 3; ky++) {
      vec3 taps[4];
      [[unroll]] for (int c = 0; c < 4; c++) taps[c] = finish(ky, half_block * 4 + c);
      [[unroll]] for (int kx = 0; kx < 3; kx++)
        dw[to + (ky * 3 + kx) * 8] = vec4(taps[0][kx], taps[1][kx], taps[2][kx], taps[3][kx]);
    }
  }
  if (BIAS != 0 && w.layer == 0 && w.input_block == 0) db[w.output_block * 8 + lane] = bias_sum;
}
