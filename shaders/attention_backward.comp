// attention_backward.comp: the gradient of attention.comp by q: dq_i = 1/√d · Σ_j ds_ij k_j, with ds_ij = p_ij (dy_i · v_j - D_i),
// p_ij = exp2(q_i · k_j · scale - lse_i) and D_i = dy_i · y_i, which it keeps. The plain kernel: one invocation makes up to QUADS
// fours of channels of one head of one pixel.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "shaders/glsl/attention.glsl"
#include "shaders/glsl/index.glsl"

layout(local_size_x = PLAIN_LOCAL_SIZE) in;
layout(binding = 0) readonly buffer Q { vec4 q[]; };       // (N, C, H, W) C8
layout(binding = 1) readonly buffer K { vec4 k[]; };       // as q
layout(binding = 2) readonly buffer V { vec4 v[]; };       // as q
layout(binding = 3) readonly buffer Y { vec4 y[]; };       // as q
layout(binding = 4) readonly buffer Dy { vec4 dy[]; };     // as q
layout(binding = 5) readonly buffer Lse { float lse[]; };  // (N, heads, H, W) C8
layout(binding = 6) writeonly buffer D { float d[]; };     // as lse
layout(binding = 7) writeonly buffer Dq { float dq[]; };   // as q

layout(constant_id = ATTENTION_QUADS) const int QUADS = 2;

void main() {
  uint i = invocation_index();
  if (i >= p.batch * p.heads * p.pixels) return;
  uint pixel = i % p.pixels, own_quad = gl_WorkGroupID.z * QUADS;
  head_part h = find_head(i / p.pixels / p.heads, i / p.pixels % p.heads);
  own_quad += h.first_quad;
  if (own_quad > h.last_quad) return;
  vec4 sums[QUADS];
  [[unroll]] for (int c = 0; c < QUADS; c++) sums[c] = vec4(0.0);
  float own_lse = lse[head_place(h, pixel)], own_d = 0.0;
  for (uint quad = h.first_quad; quad <= h.last_quad; quad++)
    own_d += dot(dy[place(h, quad, pixel)] * members_of(h, quad), y[place(h, quad, pixel)]);
  if (gl_WorkGroupID.z == 0) d[head_place(h, pixel)] = own_d;

  for (uint first = 0; first < p.pixels; first += ATTENTION_TILE) {
    float s[ATTENTION_TILE], dp[ATTENTION_TILE];
    uint key[ATTENTION_TILE];
    [[unroll]] for (int j = 0; j < ATTENTION_TILE; j++) s[j] = dp[j] = 0.0, key[j] = min(first + j, p.pixels - 1);
    for (uint quad = h.first_quad; quad <= h.last_quad; quad++) {
      vec4 own = q[place(h, quad, pixel)] * members_of(h, quad), own_dy = dy[place(h, quad, pixel)] * members_of(h, quad);
      [[unroll]] for (int j = 0; j < ATTENTION_TILE; j++) {
        s[j] += dot(own, k[place(h, quad, key[j])]);
        dp[j] += dot(own_dy, v[place(h, quad, key[j])]);
      }
    }
    [[unroll]] for (int j = 0; j < ATTENTION_TILE; j++)
      s[j] = first + j < p.pixels ? exp2(s[j] * p.scale - own_lse) * (dp[j] - own_d) : 0.0;
    [[unroll]] for (int c = 0; c < QUADS; c++) {
      uint quad = min(own_quad + c, h.last_quad);
      vec4 tile = vec4(0.0);
      [[unroll]] for (int j = 0; j < ATTENTION_TILE; j++) tile += s[j] * k[place(h, quad, key[j])];
      sums[c] += tile;
    }
  }

  [[unroll]] for (int c = 0; c < QUADS; c++)
    [[unroll]] for (int e = 0; e < 4; e++) {
      uint channel = (own_quad + c) * 4 + e;
      if (channel >= h.first && channel < h.end) dq[place(h, own_quad + c, pixel) * 4 + e] = sums[c][e] * p.scale * LOG_2;
    }
}
