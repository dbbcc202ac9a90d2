// conv_transpose_data_gradient.comp: dx[n, c, r, q] = Σ_o Σ_i Σ_j w[c, o, i, j] · dy[n, o, k·r + i, k·q + j]. The plain
// kernel: one invocation makes eight input channels of one pixel.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "shaders/conv_transpose.h"
#include "shaders/glsl/index.glsl"
#include "shaders/glsl/split.glsl"

layout(local_size_x = PLAIN_LOCAL_SIZE) in;
layout(binding = 0) readonly buffer Dy { vec4 dy[]; };          // (N, O, k·H, k·W) C8
layout(binding = 1) readonly buffer Weight { vec4 weight[]; };  // (C, O, k, k) WEIGHT: channels exchanged
layout(binding = 2) writeonly buffer Dx { vec4 dx[]; };         // (N, C1, H, W) C8
layout(push_constant) uniform Push { conv_transpose_gradient_parameters p; };

void main() {
  uint i = invocation_index();
  uint pixels = p.height * p.width, taps = p.kernel * p.kernel, quads = p.out_blocks * 2;
  if (i >= p.batch * pixels) return;
  uint n = i / pixels, pixel = i % pixels, block = gl_WorkGroupID.z, out_width = p.width * p.kernel;
  uint corner = pixel / p.width * p.kernel * out_width + pixel % p.width * p.kernel;
  float sums[8] = float[](0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0);
  for (uint quad = 0; quad < quads; quad++)
    for (uint tap = 0; tap < taps; tap++) {
      uint from = corner + tap / p.kernel * out_width + tap % p.kernel;
      vec4 g = dy[((n * p.out_blocks + quad / 2) * pixels * taps + from) * 2 + quad % 2];
      uint at = (((p.first_block + block) * quads + quad) * taps + tap) * 8;
      [[unroll]] for (uint c = 0; c < 8; c++) sums[c] += dot(weight[at + c], g);
    }
  int blocks = int(p.first_quads) / 2;
  int to = block_at(int(n), int(block), blocks, int(p.split), int(p.second_at), int(pixels)) + int(pixel) * 2;
  dx[to] = vec4(sums[0], sums[1], sums[2], sums[3]);
  dx[to + 1] = vec4(sums[4], sums[5], sums[6], sums[7]);
}
