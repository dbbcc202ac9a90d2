// attention_texel.comp: the formulas of attention.comp, for CPU drivers: see glsl/attention_texel.glsl.
// Worth it: llvmpipe (Mesa 22.3), 64 channels at 16×16, in eight heads 1.0 ms of CPU time instead of 7.9, in one 0.8 instead of 8.8.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "shaders/glsl/attention_texel.glsl"

layout(binding = 0, rgba32f) readonly uniform imageBuffer q;  // (N, C, H, W) C8
layout(binding = 1, rgba32f) readonly uniform imageBuffer k;  // as q
layout(binding = 2, rgba32f) readonly uniform imageBuffer v;  // as q
layout(binding = 3) buffer Y { float y[]; };                  // as q
layout(binding = 4) writeonly buffer Lse { float lse[]; };    // (N, heads, H, W) C8

layout(constant_id = ATTENTION_KEEP) const uint KEEP = 0;

float s[PRODUCTS], sums[SUMS], most[GROUPS], total[GROUPS], shrink[GROUPS];

// What was summed up so far shrinks where the tile has a larger product than all before it.
void take_softmax(int g) {
  float before = most[g], sum = 0.0;
  [[unroll]] for (int j = 0; j < TILE; j++) most[g] = max(most[g], s[j * GROUPS + g]);
  [[unroll]] for (int j = 0; j < TILE; j++) sum += s[j * GROUPS + g] = exp2(s[j * GROUPS + g] - most[g]);
  shrink[g] = exp2(before - most[g]);
  total[g] = total[g] * shrink[g] + sum;
}

void main() {
  find_pixels();
  [[unroll]] for (int g = 0; g < GROUPS; g++) most[g] = LOWEST, total[g] = 0.0;
  [[unroll]] for (int i = 0; i < SUMS; i++) sums[i] = 0.0;

  [[dont_unroll]] for (first = 0; first < p.pixels; first += TILE) {
    find_tile();
    [[unroll]] for (int i = 0; i < PRODUCTS; i++) s[i] = first + i / GROUPS < p.pixels ? 0.0 : LOWEST;
    COMPARE(q, k, p.scale, s)
    [[unroll]] for (int g = 0; g < GROUPS; g++) take_softmax(g);
    ADD_UP(v, s, shrink, sums, y)
  }

  float share[GROUPS];
  [[unroll]] for (int g = 0; g < GROUPS; g++) {
    share[g] = 1.0 / total[g];
    if (KEEP != 0 && exists[g]) lse[head_place(h, pixels[g])] = most[g] + log2(total[g]);
  }
  FINISH(sums, share, y)
}
