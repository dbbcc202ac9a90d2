// conv_transpose_weight_gradient_texel.comp: the formula of conv_transpose_weight_gradient.comp, for CPU drivers (see
// conv_texel.comp). One workgroup of 8 makes four taps of eight input channels in eight output channels: lane = output
// channel. It walks over pixels, eight at a time, counted across images. With BIAS, a workgroup an output block makes
// db[o] = Σ_n Σ_pixel dy[n, o, pixel] too.
#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#include "shaders/conv_transpose.h"
#include "shaders/glsl/turn.glsl"

layout(local_size_x = 8) in;
layout(binding = 0, rgba32f) readonly uniform imageBuffer x;       // (N, C1, H, W) C8
layout(binding = 1, rgba32f) readonly uniform imageBuffer second;  // (N, C2, H, W) C8
layout(binding = 2, rgba32f) readonly uniform imageBuffer dy;      // (N, O, k·H, k·W) C8
layout(binding = 3) writeonly buffer Dw { vec4 dw[]; };            // (C1 + C2, O, k, k) WEIGHT_TRANSPOSED
layout(binding = 4) writeonly buffer Db { float db[]; };           // (1, O, 1, 1) C8
layout(push_constant) uniform Push { conv_transpose_gradient_parameters p; };

layout(constant_id = CONV_TRANSPOSE_GRADIENT_SECOND) const uint SECOND = 0;
layout(constant_id = CONV_TRANSPOSE_GRADIENT_BIAS) const uint BIAS = 0;

const int TAPS = 4;  // a workgroup
float sums[TAPS * 8];

#define SUM_OVER(image, blocks, octet)                                                                     \
  [[dont_unroll]] for (int first = 0; first < count; first += 8) {                                         \
    int mine = min(first + lane, count - 1), n = mine / pixels, pixel = mine % pixels;                     \
    int from = ((n * int(blocks) + octet) * pixels + pixel) * 2;                                           \
    bool exists = first + lane < count;                                                                    \
    vec4 low = exists ? imageLoad(image, from) : vec4(0.0);                                                \
    vec4 high = exists ? imageLoad(image, from + 1) : vec4(0.0);                                           \
    int corner = pixel / int(p.width) * k * out_width + pixel % int(p.width) * k;                          \
    int place = ((n * int(p.out_blocks) + block) * pixels * taps + corner) * 2;                            \
    [[unroll]] for (int four = 0; four < 8; four += 4) {                                                   \
      int at = subgroupShuffle(place, uint(four + lane / 2)) + lane % 2;                                   \
      vec4 v[TAPS];                                                                                        \
      [[unroll]] for (int t = 0; t < TAPS; t++) {                                                          \
        int tap = first_tap + min(t, last_tap);                                                            \
        v[t] = imageLoad(dy, at + (tap / k * out_width + tap % k) * 2);                                    \
      }                                                                                                    \
      [[unroll]] for (int i = 0; i < 4; i++) {                                                             \
        float g[TAPS];                                                                                     \
        [[unroll]] for (int t = 0; t < TAPS; t++) g[t] = turn(v[t], i, lane);                              \
        [[unroll]] for (int c = 0; c < 8; c++) {                                                           \
          float value = subgroupShuffle(c < 4 ? low[c % 4] : high[c % 4], uint(four + i));                 \
          [[unroll]] for (int t = 0; t < TAPS; t++) sums[t * 8 + c] += g[t] * value;                       \
        }                                                                                                  \
      }                                                                                                    \
    }                                                                                                      \
  }

// Image by image and in fours, so that sums stay short.
float sum_dy(int block, int lane, int pixels) {
  vec4 total = vec4(0.0);
  [[dont_unroll]] for (int n = 0; n < int(p.batch); n++) {
    int from = (n * int(p.out_blocks) + block) * pixels * 2 + lane;
    vec4 sum = vec4(0.0);
    [[dont_unroll]] for (int first = 0; first < pixels; first += 4)
      sum += first + lane / 2 < pixels ? imageLoad(dy, from + first * 2) : vec4(0.0);
    total += sum;
  }
  return turn(total, 0, lane) + turn(total, 1, lane) + turn(total, 2, lane) + turn(total, 3, lane);
}

void main() {
  int lane = int(gl_LocalInvocationID.x), octet = int(gl_WorkGroupID.x), block = int(gl_WorkGroupID.y);
  int k = int(p.kernel), taps = k * k, pixels = int(p.height * p.width), out_width = int(p.width) * k;
  int first_tap = int(gl_WorkGroupID.z) * TAPS, last_tap = min(TAPS, taps - first_tap) - 1;
  int count = int(p.batch) * pixels, quads = int(p.first_quads + p.second_quads);
  [[unroll]] for (int i = 0; i < TAPS * 8; i++) sums[i] = 0.0;

  if (SECOND == 0 || octet * 2 < int(p.first_quads)) {
    SUM_OVER(x, p.first_quads / 2, octet)
  } else {
    SUM_OVER(second, p.second_quads / 2, octet - int(p.first_quads) / 2)
  }

  [[unroll]] for (int t = 0; t < TAPS; t++) {
    if (t > last_tap) continue;
    int to = ((block * quads + octet * 2) * taps + first_tap + t) * 8 + lane;
    dw[to] = vec4(sums[t * 8], sums[t * 8 + 1], sums[t * 8 + 2], sums[t * 8 + 3]);
    dw[to + taps * 8] = vec4(sums[t * 8 + 4], sums[t * 8 + 5], sums[t * 8 + 6], sums[t * 8 + 7]);
  }
  if (BIAS != 0 && octet == 0 && first_tap == 0) db[block * 8 + lane] = sum_dy(block, lane, pixels * taps);
}
