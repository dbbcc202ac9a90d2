// conv_weight_gradient.comp: dw[o, c, i, j] = Σ_n Σ_y Σ_x dy[n, o, y, x] · x[n, c, y + i - R, x + j - R], R = k / 2. The
// plain kernel: one invocation makes four input channels of one output channel and tap, summing row by row.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "shaders/conv_weight_gradient.h"
#include "shaders/glsl/index.glsl"

layout(local_size_x = PLAIN_LOCAL_SIZE) in;
layout(binding = 0) readonly buffer X { vec4 x[]; };            // (N, C1, H, W) C8
layout(binding = 1) readonly buffer Second { vec4 second[]; };  // (N, C2, H, W) C8
layout(binding = 2) readonly buffer Dy { float dy[]; };         // (N, O, H, W) C8
layout(binding = 3) writeonly buffer Dw { vec4 dw[]; };         // (O, C1 + C2, k, k) WEIGHT
layout(push_constant) uniform Push { conv_weight_gradient_parameters p; };

layout(constant_id = CONV_WEIGHT_GRADIENT_KERNEL) const int KERNEL = 3;
layout(constant_id = CONV_WEIGHT_GRADIENT_SECOND) const uint SECOND = 0;

void main() {
  uint i = invocation_index();
  uint taps = uint(KERNEL * KERNEL), quads = p.first_quads + p.second_quads, pixels = p.height * p.width;
  if (i >= p.out_blocks * quads * taps * 8) return;
  uint o8 = i % 8, quad = i / (8 * taps) % quads, block = i / (8 * taps * quads);
  int tap = int(i / 8 % taps), dr = tap / KERNEL - KERNEL / 2, dc = tap % KERNEL - KERNEL / 2;
  bool is_second = SECOND != 0 && quad >= p.first_quads;
  uint q = is_second ? quad - p.first_quads : quad, blocks = (is_second ? p.second_quads : p.first_quads) / 2;
  vec4 total = vec4(0.0);
  for (uint n = 0; n < p.batch; n++)
    for (int row = max(0, -dr); row < int(p.height) - max(0, dr); row++) {
      vec4 sum = vec4(0.0);
      for (int column = max(0, -dc); column < int(p.width) - max(0, dc); column++) {
        float g = dy[((n * p.out_blocks + block) * pixels + uint(row * int(p.width) + column)) * 8 + o8];
        uint at = ((n * blocks + q / 2) * pixels + uint((row + dr) * int(p.width) + column + dc)) * 2 + q % 2;
        if (is_second)
          sum += g * second[at];
        else
          sum += g * x[at];
      }
      total += sum;
    }
  dw[i] = total;
}
