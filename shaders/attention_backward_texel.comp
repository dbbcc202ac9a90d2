// attention_backward_texel.comp: the formulas of attention_backward.comp, for CPU drivers: see glsl/attention_texel.glsl.
// Worth it: llvmpipe (Mesa 22.3), this and attention_backward_keys_texel.comp, 64 channels at 16×16, in eight heads 3.6 ms of CPU
// time instead of 34, in one 2.9 instead of 38.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "shaders/glsl/attention_texel.glsl"

layout(binding = 0, rgba32f) readonly uniform imageBuffer q;   // (N, C, H, W) C8
layout(binding = 1, rgba32f) readonly uniform imageBuffer k;   // as q
layout(binding = 2, rgba32f) readonly uniform imageBuffer v;   // as q
layout(binding = 3, rgba32f) readonly uniform imageBuffer y;   // as q
layout(binding = 4, rgba32f) readonly uniform imageBuffer dy;  // as q
layout(binding = 5) readonly buffer Lse { float lse[]; };      // (N, heads, H, W) C8
layout(binding = 6) writeonly buffer D { float d[]; };         // as lse
layout(binding = 7) buffer Dq { float dq[]; };                 // as q

float s[PRODUCTS], dp[PRODUCTS], sums[SUMS];

void main() {
  find_pixels();
  float own_lse[GROUPS], own_d[GROUPS], same[GROUPS], scale[GROUPS];
  [[unroll]] for (int g = 0; g < GROUPS; g++) {
    own_lse[g] = lse[head_place(h, pixels[g])];
    own_d[g] = 0.0;
    same[g] = 1.0;
    scale[g] = p.scale * LOG_2;
    [[dont_unroll]] for (uint quad = h.first_quad; quad <= h.last_quad; quad++) {
      int at = int(place(h, quad, pixels[g]));
      own_d[g] += dot(imageLoad(dy, at) * members_of(h, quad), imageLoad(y, at));
    }
    if (exists[g]) d[head_place(h, pixels[g])] = own_d[g];
  }
  [[unroll]] for (int i = 0; i < SUMS; i++) sums[i] = 0.0;

  [[dont_unroll]] for (first = 0; first < p.pixels; first += TILE) {
    find_tile();
    [[unroll]] for (int i = 0; i < PRODUCTS; i++) {
      s[i] = first + i / GROUPS < p.pixels ? -own_lse[i % GROUPS] : LOWEST;
      dp[i] = -own_d[i % GROUPS];
    }
    COMPARE(q, k, p.scale, s)
    COMPARE(dy, v, 1.0, dp)
    [[unroll]] for (int i = 0; i < PRODUCTS; i++) s[i] = exp2(s[i]) * dp[i];
    ADD_UP(k, s, same, sums, dq)
  }
  FINISH(sums, scale, dq)
}
