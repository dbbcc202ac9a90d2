// conv_down_weight_gradient.comp: dw[o, c, i, j] = Σ_n Σ_r Σ_q dy[n, o, r, q] · x[n, c, 2r + i - padding, 2q + j - padding]. The
// plain kernel: one invocation makes four input channels of one output channel and tap, summing row by row.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "shaders/conv_down.h"
#include "shaders/glsl/index.glsl"

layout(local_size_x = PLAIN_LOCAL_SIZE) in;
layout(binding = 0) readonly buffer X { vec4 x[]; };     // (N, C, H, W) C8
layout(binding = 1) readonly buffer Dy { float dy[]; };  // (N, O, H', W') C8
layout(binding = 2) writeonly buffer Dw { vec4 dw[]; };  // (O, C, 3, 3) WEIGHT
layout(push_constant) uniform Push { conv_down_parameters p; };

void main() {
  uint i = invocation_index(), pixels = p.height * p.width, out_pixels = p.out_height * p.out_width;
  if (i >= p.out_blocks * p.quads * CONV_DOWN_TAPS * 8) return;
  uint o8 = i % 8, tap = i / 8 % CONV_DOWN_TAPS, quad = i / (8 * CONV_DOWN_TAPS) % p.quads;
  uint block = i / (8 * CONV_DOWN_TAPS * p.quads);
  vec4 total = vec4(0.0);
  for (uint n = 0; n < p.batch; n++)
    for (uint row = 0; row < p.out_height; row++) {
      int r = int(row * 2 + tap / 3) - int(p.padding);
      if (r < 0 || r >= int(p.height)) continue;
      vec4 sum = vec4(0.0);
      for (uint column = 0; column < p.out_width; column++) {
        int c = int(column * 2 + tap % 3) - int(p.padding);
        if (c < 0 || c >= int(p.width)) continue;
        float g = dy[((n * p.out_blocks + block) * out_pixels + row * p.out_width + column) * 8 + o8];
        sum += g * x[((n * p.quads / 2 + quad / 2) * pixels + uint(r) * p.width + uint(c)) * 2 + quad % 2];
      }
      total += sum;
    }
  dw[i] = total;
}
