// conv_transpose.comp: transposed convolution whose stride is its kernel size k, so that outputs do not overlap:
// y[n, o, k·r + i, k·c + j] = activation(b[o] + Σ_c w[c, o, i, j] · x[n, c, r, c]). The plain kernel: one invocation
// makes eight output channels of one output pixel.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "shaders/conv_transpose.h"
#include "shaders/glsl/activation.glsl"
#include "shaders/glsl/index.glsl"

layout(local_size_x = PLAIN_LOCAL_SIZE) in;
layout(binding = 0) readonly buffer X { vec4 x[]; };            // (N, C1, H, W) C8
layout(binding = 1) readonly buffer Second { vec4 second[]; };  // (N, C2, H, W) C8
layout(binding = 2) readonly buffer Weight { vec4 weight[]; };  // (C1 + C2, O, k, k) WEIGHT_TRANSPOSED
layout(binding = 3) readonly buffer Bias { vec4 bias[]; };      // (1, O, 1, 1) C8
layout(binding = 4) writeonly buffer Y { vec4 y[]; };           // (N, O, k·H, k·W) C8
layout(push_constant) uniform Push { conv_transpose_parameters p; };

layout(constant_id = CONV_TRANSPOSE_ACTIVATION) const uint ACTIVATION = ACTIVATION_NONE;
layout(constant_id = CONV_TRANSPOSE_SECOND) const uint SECOND = 0;

float sums[8];

void accumulate(vec4 value, uint at) {
  [[unroll]] for (uint o = 0; o < 8; o++) sums[o] += dot(weight[at + o], value);
}

void main() {
  uint i = invocation_index();
  uint in_pixels = p.height * p.width, taps = p.kernel * p.kernel, out_pixels = in_pixels * taps;
  if (i >= p.batch * out_pixels) return;
  uint n = i / out_pixels, pixel = i % out_pixels, block = gl_WorkGroupID.z, out_width = p.width * p.kernel;
  uint row = pixel / out_width, column = pixel % out_width;
  uint from = row / p.kernel * p.width + column / p.kernel;
  uint tap = row % p.kernel * p.kernel + column % p.kernel;
  uint quads = p.first_quads + p.second_quads;
  [[unroll]] for (int o = 0; o < 8; o++) sums[o] = 0.0;

  for (uint quad = 0; quad < quads; quad++) {
    uint weight_at = ((block * quads + quad) * taps + tap) * 8;
    if (SECOND != 0 && quad >= p.first_quads) {
      uint q = quad - p.first_quads;
      accumulate(second[((n * p.second_quads / 2 + q / 2) * in_pixels + from) * 2 + q % 2], weight_at);
    } else {
      accumulate(x[((n * p.first_quads / 2 + quad / 2) * in_pixels + from) * 2 + quad % 2], weight_at);
    }
  }

  uint to = ((n * p.out_blocks + block) * out_pixels + pixel) * 2;
  y[to] = activate(vec4(sums[0], sums[1], sums[2], sums[3]) + bias[block * 2], ACTIVATION);
  y[to + 1] = activate(vec4(sums[4], sums[5], sums[6], sums[7]) + bias[block * 2 + 1], ACTIVATION);
}
