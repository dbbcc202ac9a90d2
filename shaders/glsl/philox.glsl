// philox.glsl: counter-based random numbers, bit-equal on every device.
//
// Philox4x32-10 (Salmon et al. 2011). Counter: (element group, sample, step, stream); key: the seed.
// Normals by Box & Muller 1958 with this file's own log, sine, cosine and square root, made of additions and
// multiplications alone, which Vulkan rounds exactly, and kept apart by `precise`: drivers' own differ in the last bits.
// graph/ir/philox.h does the same in C.

#include "shaders/streams.h"

uvec4 philox(uvec4 counter, uvec2 key) {
  for (int round = 0; round < 10; round++) {
    uint high0, low0, high1, low1;
    umulExtended(0xD2511F53u, counter.x, high0, low0);
    umulExtended(0xCD9E8D57u, counter.z, high1, low1);
    counter = uvec4(high1 ^ counter.y ^ key.x, low1, high0 ^ counter.w ^ key.y, low0);
    key += uvec2(0x9E3779B9u, 0xBB67AE85u);
  }
  return counter;
}

// ln x for x in (0, 1]: x = m · 2^e with m in [√½, √2), ln m = f + f²·Q(f), f = m - 1.
float exact_log(float x) {
  uint bits = floatBitsToUint(x);
  uint above_root = (bits & 0x7FFFFFu) >= 0x3504F3u ? 1u : 0u;  // mantissa of √2
  int e = int(bits >> 23) - 127 + int(above_root);
  float m = uintBitsToFloat((bits & 0x7FFFFFu) | ((127u - above_root) << 23));
  precise float f = m - 1.0;
  precise float q = -0.07866667956113815;
  q = q * f + 0.12821748852729797;
  q = q * f - 0.131016343832016;
  q = q * f + 0.1418900042772293;
  q = q * f - 0.1662759929895401;
  q = q * f + 0.2000196874141693;
  q = q * f - 0.2500077188014984;
  q = q * f + 0.33333322405815125;
  q = q * f - 0.4999999701976776;
  precise float result = float(e) * 0.693359375 + (f + f * f * q + float(e) * -0.00021219444);
  return result;
}

// √x for x in [0, 64] by three steps of Newton's method for 1/√x (from the bit estimate of Lomont 2003).
float exact_sqrt(float x) {
  precise float a = max(x, 1e-20);
  precise float y = uintBitsToFloat(0x5F3759DFu - (floatBitsToUint(a) >> 1));
  precise float half_a = 0.5 * a;
  y = y * (1.5 - half_a * y * y);
  y = y * (1.5 - half_a * y * y);
  y = y * (1.5 - half_a * y * y);
  precise float result = a * y;
  return result;
}

// Cosine and sine of x quarter turns, x in [-½, ½].
vec2 exact_cos_sin(float x) {
  precise float z = x * x;
  precise float s = 0.0001582065160619095;
  s = s * z - 0.004681266378611326;
  s = s * z + 0.07969257980585098;
  s = s * z - 0.6459640860557556;
  s = s * z + 1.5707963705062866;
  s = s * x;
  precise float c = 0.00090362987248227;
  c = c * z - 0.02086007036268711;
  c = c * z + 0.25366920232772827;
  c = c * z - 1.2337005138397217;
  c = c * z + 1.0;
  return vec2(c, s);
}

// Two independent normals from two words: radius √(-2 ln u), u in (0, 1]; angle by quadrant (two bits) and the turn
// within it, x in [-½, ½) quarter turns.
vec2 box_muller(uint a, uint b) {
  precise float u = float((a >> 8) + 1u) * (1.0 / 16777216.0);
  precise float radius = exact_sqrt(-2.0 * exact_log(u));
  precise float x = float((b & 0x3FFFFFFFu) >> 6) * (1.0 / 16777216.0) - 0.5;
  precise vec2 point = exact_cos_sin(x);
  uint quadrant = b >> 30;
  if ((quadrant & 1u) != 0u) point = vec2(-point.y, point.x);
  if ((quadrant & 2u) != 0u) point = -point;
  precise vec2 result = radius * point;
  return result;
}

// Four independent normals.
vec4 philox_normal(uvec4 counter, uvec2 key) {
  uvec4 words = philox(counter, key);
  return vec4(box_muller(words.x, words.y), box_muller(words.z, words.w));
}
