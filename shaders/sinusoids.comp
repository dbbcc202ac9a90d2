// sinusoids.comp: y[n, i] = sin(2π · f[i] · t[n]) and y[n, C/2 + i] = cos(2π · f[i] · t[n]), i < C/2, or the cosines first (Vaswani
// et al. 2017); the last of an odd number of channels is 0. Whole turns are taken off in whole numbers, where t · f would lose
// them, and philox.glsl's polynomials do the rest: drivers' own sine and cosine differ. One invocation: one channel of one t.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "shaders/glsl/index.glsl"
#include "shaders/glsl/philox.glsl"
#include "shaders/sinusoids.h"

layout(local_size_x = PLAIN_LOCAL_SIZE) in;
layout(binding = 0) readonly buffer Time { float time[]; };       // (N, 1, 1, 1) C8
layout(binding = 1) readonly buffer Turns { uint turns[]; };      // (C/2, SINUSOIDS_WORDS) raw: f
layout(binding = 2) writeonly buffer Y { float y[]; };            // (N, C, 1, 1) C8
layout(push_constant) uniform Push { sinusoids_parameters p; };

// Cosine and sine of t turns of frequency `f`, t ≥ 0.
vec2 find_point(uvec2 f, float t) {
  uint whole = uint(t), high, low;
  umulExtended(whole, f.y, high, low);
  // Of the whole units of time: quarter turns, the nearest, and what lies beyond it, in 2^-30 of one.
  uint turned = whole * f.x + high + 0x20000000u, quadrant = turned >> 30;
  int rest = int(turned & 0x3FFFFFFFu) - 0x20000000;
  precise float x = float(rest >> 12) * (1.0 / 262144.0) + float(rest & 0xFFF) * (1.0 / 1073741824.0);
  // And of the rest of a unit, less than a quarter turn, for f is at most 1 / 2π.
  precise float part = t - float(whole);
  x += part * (float(f.x >> 8) * (1.0 / 4194304.0));
  if (x > 0.5) {
    x -= 1.0;
    quadrant++;
  }
  vec2 point = exact_cos_sin(x);
  if ((quadrant & 1u) != 0u) point = vec2(-point.y, point.x);
  return (quadrant & 2u) != 0u ? -point : point;
}

void main() {
  uint i = invocation_index();
  if (i >= p.values) return;
  uint padded = (p.channels + 7) / 8 * 8, c = i % padded, half_count = p.channels / 2, k = c % half_count;
  float t = time[i / padded * 8];
  vec2 point = find_point(uvec2(turns[k * SINUSOIDS_WORDS], turns[k * SINUSOIDS_WORDS + 1]), abs(t));
  bool is_cosine = c < half_count == (p.cos_first != 0);
  y[i] = c >= half_count * 2 ? 0.0 : is_cosine ? point.x : t < 0.0 ? -point.y : point.y;
}
