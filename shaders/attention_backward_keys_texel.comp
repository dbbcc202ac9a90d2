// attention_backward_keys_texel.comp: the formulas of attention_backward_keys.comp, for CPU drivers: see glsl/attention_texel.glsl.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "shaders/glsl/attention_texel.glsl"

layout(binding = 0, rgba32f) readonly uniform imageBuffer q;   // (N, C, H, W) C8
layout(binding = 1, rgba32f) readonly uniform imageBuffer k;   // as q
layout(binding = 2, rgba32f) readonly uniform imageBuffer v;   // as q
layout(binding = 3, rgba32f) readonly uniform imageBuffer dy;  // as q
layout(binding = 4) readonly buffer Lse { float lse[]; };      // (N, heads, H, W) C8
layout(binding = 5) readonly buffer D { float d[]; };          // as lse
layout(binding = 6) buffer Dk { float dk[]; };                 // as q
layout(binding = 7) buffer Dv { float dv[]; };                 // as q

float s[PRODUCTS], ds[PRODUCTS], key_sums[SUMS], value_sums[SUMS];

void main() {
  find_pixels();
  float same[GROUPS], scale[GROUPS];
  [[unroll]] for (int g = 0; g < GROUPS; g++) same[g] = 1.0, scale[g] = p.scale * LOG_2;
  [[unroll]] for (int i = 0; i < SUMS; i++) key_sums[i] = value_sums[i] = 0.0;

  [[dont_unroll]] for (first = 0; first < p.pixels; first += TILE) {
    find_tile();
    float their_lse[TILE_GROUPS], their_d[TILE_GROUPS];
    [[unroll]] for (int t = 0; t < TILE_GROUPS; t++) {
      their_lse[t] = lse[head_place(h, loaded[t])];
      their_d[t] = d[head_place(h, loaded[t])];
    }
    [[unroll]] for (int i = 0; i < PRODUCTS; i++) {
      s[i] = first + i / GROUPS < p.pixels ? -OF_PIXEL(their_lse, i / GROUPS) : LOWEST;
      ds[i] = -OF_PIXEL(their_d, i / GROUPS);
    }
    COMPARE(k, q, p.scale, s)
    COMPARE(v, dy, 1.0, ds)
    [[unroll]] for (int i = 0; i < PRODUCTS; i++) {
      s[i] = exp2(s[i]);
      ds[i] *= s[i];
    }
    ADD_UP(q, ds, same, key_sums, dk)
    ADD_UP(dy, s, same, value_sums, dv)
  }
  FINISH(key_sums, scale, dk)
  FINISH(value_sums, same, dv)
}
