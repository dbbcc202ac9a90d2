// conv_transpose_weight_gradient.comp: dw[c, o, i, j] = Σ_n Σ_r Σ_q x[n, c, r, q] · dy[n, o, k·r + i, k·q + j]. The plain
// kernel: one invocation makes four input channels of one output channel and tap, summing image by image.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "shaders/conv_transpose.h"
#include "shaders/glsl/index.glsl"

layout(local_size_x = PLAIN_LOCAL_SIZE) in;
layout(binding = 0) readonly buffer X { vec4 x[]; };            // (N, C1, H, W) C8
layout(binding = 1) readonly buffer Second { vec4 second[]; };  // (N, C2, H, W) C8
layout(binding = 2) readonly buffer Dy { float dy[]; };         // (N, O, k·H, k·W) C8
layout(binding = 3) writeonly buffer Dw { vec4 dw[]; };         // (C1 + C2, O, k, k) WEIGHT_TRANSPOSED
layout(push_constant) uniform Push { conv_transpose_gradient_parameters p; };

layout(constant_id = CONV_TRANSPOSE_GRADIENT_SECOND) const uint SECOND = 0;

void main() {
  uint i = invocation_index();
  uint taps = p.kernel * p.kernel, quads = p.first_quads + p.second_quads, pixels = p.height * p.width;
  if (i >= p.out_blocks * quads * taps * 8) return;
  uint o8 = i % 8, tap = i / 8 % taps, quad = i / (8 * taps) % quads, block = i / (8 * taps * quads);
  uint out_width = p.width * p.kernel, offset = tap / p.kernel * out_width + tap % p.kernel;
  bool is_second = SECOND != 0 && quad >= p.first_quads;
  uint q = is_second ? quad - p.first_quads : quad, blocks = (is_second ? p.second_quads : p.first_quads) / 2;
  vec4 total = vec4(0.0);
  for (uint n = 0; n < p.batch; n++) {
    vec4 sum = vec4(0.0);
    for (uint pixel = 0; pixel < pixels; pixel++) {
      uint corner = pixel / p.width * p.kernel * out_width + pixel % p.width * p.kernel;
      float g = dy[((n * p.out_blocks + block) * pixels * taps + corner + offset) * 8 + o8];
      uint at = ((n * blocks + q / 2) * pixels + pixel) * 2 + q % 2;
      if (is_second)
        sum += g * second[at];
      else
        sum += g * x[at];
    }
    total += sum;
  }
  dw[i] = total;
}
