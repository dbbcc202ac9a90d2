// attention.comp: y_i = Σ_j softmax_j(q_i · k_j / √d) v_j, over the pixels j of an image and the d channels of a head, and with
// KEEP lse_i = log2 Σ_j exp2(q_i · k_j · scale). Keys come in tiles, whose products are made and forgotten (Dao et al. 2022,
// "FlashAttention"): where a tile has a larger one than all before it, what was summed up so far shrinks. The plain kernel: one
// invocation makes up to QUADS fours of channels of one head of one pixel.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "shaders/glsl/attention.glsl"
#include "shaders/glsl/index.glsl"

layout(local_size_x = PLAIN_LOCAL_SIZE) in;
layout(binding = 0) readonly buffer Q { vec4 q[]; };        // (N, C, H, W) C8
layout(binding = 1) readonly buffer K { vec4 k[]; };        // as q
layout(binding = 2) readonly buffer V { vec4 v[]; };        // as q
layout(binding = 3) writeonly buffer Y { float y[]; };      // as q
layout(binding = 4) writeonly buffer Lse { float lse[]; };  // (N, heads, H, W) C8

layout(constant_id = ATTENTION_QUADS) const int QUADS = 2;
layout(constant_id = ATTENTION_KEEP) const uint KEEP = 0;

void main() {
  uint i = invocation_index();
  if (i >= p.batch * p.heads * p.pixels) return;
  uint pixel = i % p.pixels, own_quad = gl_WorkGroupID.z * QUADS;
  head_part h = find_head(i / p.pixels / p.heads, i / p.pixels % p.heads);
  own_quad += h.first_quad;
  if (own_quad > h.last_quad) return;
  vec4 sums[QUADS];
  [[unroll]] for (int c = 0; c < QUADS; c++) sums[c] = vec4(0.0);
  float most = LOWEST, total = 0.0;

  for (uint first = 0; first < p.pixels; first += ATTENTION_TILE) {
    float s[ATTENTION_TILE];
    uint key[ATTENTION_TILE];
    [[unroll]] for (int j = 0; j < ATTENTION_TILE; j++) s[j] = 0.0, key[j] = min(first + j, p.pixels - 1);
    for (uint quad = h.first_quad; quad <= h.last_quad; quad++) {
      vec4 own = q[place(h, quad, pixel)] * members_of(h, quad);
      [[unroll]] for (int j = 0; j < ATTENTION_TILE; j++) s[j] += dot(own, k[place(h, quad, key[j])]);
    }
    float before = most, sum = 0.0;
    [[unroll]] for (int j = 0; j < ATTENTION_TILE; j++) {
      s[j] = first + j < p.pixels ? s[j] * p.scale : LOWEST;
      most = max(most, s[j]);
    }
    float shrink = exp2(before - most);
    [[unroll]] for (int j = 0; j < ATTENTION_TILE; j++) sum += s[j] = first + j < p.pixels ? exp2(s[j] - most) : 0.0;
    total = total * shrink + sum;
    [[unroll]] for (int c = 0; c < QUADS; c++) {
      uint quad = min(own_quad + c, h.last_quad);
      vec4 tile = vec4(0.0);
      [[unroll]] for (int j = 0; j < ATTENTION_TILE; j++) tile += s[j] * v[place(h, quad, key[j])];
      sums[c] = sums[c] * shrink + tile;
    }
  }

  [[unroll]] for (int c = 0; c < QUADS; c++)
    [[unroll]] for (int e = 0; e < 4; e++) {
      uint channel = (own_quad + c) * 4 + e;
      if (channel >= h.first && channel < h.end) y[place(h, own_quad + c, pixel) * 4 + e] = sums[c][e] / total;
    }
  if (KEEP != 0 && gl_WorkGroupID.z == 0) lse[head_place(h, pixel)] = most + log2(total);
}
