// conv_down.comp: y = b + Σ_c Σ_ij w[o, c, i, j] · x[n, c, 2r + i - padding, 2q + j - padding], zeros outside the image; or
// with BACK its gradient by x: dx = Σ_o Σ_ij w[o, c, i, j] · dy[n, o, (r + padding - i) / 2, (q + padding - j) / 2] over the
// taps of which both are whole, where `x` is dy, `y` dx and `weight` has its channels exchanged. The plain kernel: one
// invocation makes eight channels of one pixel.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "shaders/conv_down.h"
#include "shaders/glsl/index.glsl"

layout(local_size_x = PLAIN_LOCAL_SIZE) in;
layout(binding = 0) readonly buffer X { vec4 x[]; };            // (N, C, H, W) C8
layout(binding = 1) readonly buffer Weight { vec4 weight[]; };  // (O, C, 3, 3) WEIGHT
layout(binding = 2) readonly buffer Bias { vec4 bias[]; };      // (1, O, 1, 1) C8
layout(binding = 3) writeonly buffer Y { vec4 y[]; };           // (N, O, H', W') C8
layout(push_constant) uniform Push { conv_down_parameters p; };

layout(constant_id = CONV_DOWN_BACK) const uint BACK = 0;
layout(constant_id = CONV_DOWN_BIAS) const uint BIAS = 1;

// The row, or column, of what is read by tap `k` for row `at` of what is made; -1: none.
int source(int at, int k, int size) {
  int found = BACK != 0 ? at + int(p.padding) - k : at * 2 + k - int(p.padding);
  if (BACK != 0) found = (found & 1) != 0 ? -1 : found >> 1;
  return found < size ? found : -1;
}

void main() {
  uint i = invocation_index(), out_pixels = p.out_height * p.out_width, pixels = p.height * p.width;
  if (i >= p.batch * out_pixels) return;
  uint n = i / out_pixels, pixel = i % out_pixels, block = gl_WorkGroupID.z;
  int row = int(pixel / p.out_width), column = int(pixel % p.out_width);
  vec4 low = vec4(0.0), high = vec4(0.0);
  if (BIAS != 0) low = bias[block * 2], high = bias[block * 2 + 1];
  for (int tap = 0; tap < CONV_DOWN_TAPS; tap++) {
    int r = source(row, tap / 3, int(p.height)), c = source(column, tap % 3, int(p.width));
    if (r < 0 || c < 0) continue;
    for (uint quad = 0; quad < p.quads; quad++) {
      vec4 v = x[((n * p.quads / 2 + quad / 2) * pixels + uint(r) * p.width + uint(c)) * 2 + quad % 2];
      uint at = ((block * p.quads + quad) * CONV_DOWN_TAPS + tap) * 8;
      low += vec4(dot(weight[at], v), dot(weight[at + 1], v), dot(weight[at + 2], v), dot(weight[at + 3], v));
      high += vec4(dot(weight[at + 4], v), dot(weight[at + 5], v), dot(weight[at + 6], v), dot(weight[at + 7], v));
    }
  }
  uint to = ((n * p.out_blocks + block) * out_pixels + pixel) * 2;
  y[to] = low;
  y[to + 1] = high;
}
