// attention_backward_keys.comp: the gradients of attention.comp by k and v: dk_j = 1/√d · Σ_i ds_ij q_i and dv_j = Σ_i p_ij dy_i,
// with p, ds and D of attention_backward.comp, which runs before. The plain kernel: one invocation makes up to QUADS fours of
// channels of both, of one head of one pixel.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "shaders/glsl/attention.glsl"
#include "shaders/glsl/index.glsl"

layout(local_size_x = PLAIN_LOCAL_SIZE) in;
layout(binding = 0) readonly buffer Q { vec4 q[]; };       // (N, C, H, W) C8
layout(binding = 1) readonly buffer K { vec4 k[]; };       // as q
layout(binding = 2) readonly buffer V { vec4 v[]; };       // as q
layout(binding = 3) readonly buffer Dy { vec4 dy[]; };     // as q
layout(binding = 4) readonly buffer Lse { float lse[]; };  // (N, heads, H, W) C8
layout(binding = 5) readonly buffer D { float d[]; };      // as lse
layout(binding = 6) writeonly buffer Dk { float dk[]; };   // as q
layout(binding = 7) writeonly buffer Dv { float dv[]; };   // as q

layout(constant_id = ATTENTION_QUADS) const int QUADS = 2;

void main() {
  uint i = invocation_index();
  if (i >= p.batch * p.heads * p.pixels) return;
  uint pixel = i % p.pixels, own_quad = gl_WorkGroupID.z * QUADS;
  head_part h = find_head(i / p.pixels / p.heads, i / p.pixels % p.heads);
  own_quad += h.first_quad;
  if (own_quad > h.last_quad) return;
  vec4 key_sums[QUADS], value_sums[QUADS];
  [[unroll]] for (int c = 0; c < QUADS; c++) key_sums[c] = value_sums[c] = vec4(0.0);

  for (uint first = 0; first < p.pixels; first += ATTENTION_TILE) {
    float s[ATTENTION_TILE], dp[ATTENTION_TILE];
    uint query[ATTENTION_TILE];
    [[unroll]] for (int j = 0; j < ATTENTION_TILE; j++) s[j] = dp[j] = 0.0, query[j] = min(first + j, p.pixels - 1);
    for (uint quad = h.first_quad; quad <= h.last_quad; quad++) {
      vec4 own = k[place(h, quad, pixel)] * members_of(h, quad), own_v = v[place(h, quad, pixel)] * members_of(h, quad);
      [[unroll]] for (int j = 0; j < ATTENTION_TILE; j++) {
        s[j] += dot(own, q[place(h, quad, query[j])]);
        dp[j] += dot(own_v, dy[place(h, quad, query[j])]);
      }
    }
    [[unroll]] for (int j = 0; j < ATTENTION_TILE; j++) {
      uint at = head_place(h, query[j]);
      s[j] = first + j < p.pixels ? exp2(s[j] * p.scale - lse[at]) : 0.0;
      dp[j] = s[j] * (dp[j] - d[at]);
    }
    [[unroll]] for (int c = 0; c < QUADS; c++) {
      uint quad = min(own_quad + c, h.last_quad);
      vec4 key_tile = vec4(0.0), value_tile = vec4(0.0);
      [[unroll]] for (int j = 0; j < ATTENTION_TILE; j++) {
        key_tile += dp[j] * q[place(h, quad, query[j])];
        value_tile += s[j] * dy[place(h, quad, query[j])];
      }
      key_sums[c] += key_tile;
      value_sums[c] += value_tile;
    }
  }

  [[unroll]] for (int c = 0; c < QUADS; c++)
    [[unroll]] for (int e = 0; e < 4; e++) {
      uint channel = (own_quad + c) * 4 + e, to = place(h, own_quad + c, pixel) * 4 + e;
      if (channel < h.first || channel >= h.end) continue;
      dk[to] = key_sums[c][e] * p.scale * LOG_2;
      dv[to] = value_sums[c][e];
    }
}
