// conv.comp: y = (activation(b + Σ_c Σ_tap w[o, c, tap] · x[n, c, y + ky - R, x + kx - R]) + residual) · scale
// for kernels 3×3 (R = 1) and 1×1 (R = 0), zeros outside the image. The plain kernel: one invocation makes eight output
// channels of one pixel.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "shaders/conv.h"
#include "shaders/glsl/activation.glsl"
#include "shaders/glsl/index.glsl"
#include "shaders/glsl/split.glsl"

layout(local_size_x = PLAIN_LOCAL_SIZE) in;
layout(binding = 0) readonly buffer X { vec4 x[]; };              // (N, C1, H, W) C8
layout(binding = 1) readonly buffer Second { vec4 second[]; };    // (N, C2, H, W) C8
layout(binding = 2) readonly buffer Weight { vec4 weight[]; };    // (O, C1 + C2, k, k) WEIGHT
layout(binding = 3) readonly buffer Bias { vec4 bias[]; };        // (1, O, 1, 1) C8
layout(binding = 4) readonly buffer Residual { vec4 residual[]; };// as y
layout(binding = 5) writeonly buffer Y { vec4 y[]; };             // (N, O, H, W) C8
layout(push_constant) uniform Push { conv_parameters p; };

layout(constant_id = CONV_KERNEL) const int KERNEL = 3;
layout(constant_id = CONV_ACTIVATION) const uint ACTIVATION = ACTIVATION_NONE;
layout(constant_id = CONV_SECOND) const uint SECOND = 0;
layout(constant_id = CONV_RESIDUAL) const uint RESIDUAL = 0;
layout(constant_id = CONV_BIAS) const uint BIAS = 1;
layout(constant_id = CONV_JOINED) const uint JOINED = 0;

const uint HALF = SECOND == CONV_UPSAMPLED ? 1 : 0;

float sums[8];

void accumulate(vec4 value, uint at) {
  [[unroll]] for (uint o = 0; o < 8; o++) sums[o] += dot(weight[at + o], value);
}

void main() {
  uint i = invocation_index();
  uint pixels = p.height * p.width;
  if (i >= p.batch * pixels) return;
  uint n = i / pixels, pixel = i % pixels, block = gl_WorkGroupID.z;
  int row = int(pixel / p.width), column = int(pixel % p.width);
  uint quads = p.first_quads + p.second_quads;
  uint layer = JOINED != 0 ? block / p.split : 0;
  [[unroll]] for (int o = 0; o < 8; o++) sums[o] = 0.0;

  for (uint quad = 0; quad < quads; quad++)
    for (int tap = 0; tap < KERNEL * KERNEL; tap++) {
      int r = row + tap / KERNEL - KERNEL / 2, c = column + tap % KERNEL - KERNEL / 2;
      if (r < 0 || r >= int(p.height) || c < 0 || c >= int(p.width)) continue;
      uint at = uint(r >> HALF) * (p.width >> HALF) + uint(c >> HALF);
      uint weight_at = (((p.first_block + block) * quads + quad) * KERNEL * KERNEL + tap) * 8 + layer * p.weight_gap;
      if (SECOND == CONV_SECOND_BOUND && quad >= p.first_quads) {
        uint q = quad - p.first_quads;
        accumulate(second[((n * p.second_quads / 2 + q / 2) * pixels + at) * 2 + q % 2], weight_at);
      } else {
        accumulate(x[((n * p.first_quads / 2 + quad / 2) * (pixels >> 2 * HALF) + at) * 2 + quad % 2], weight_at);
      }
    }

  int to = JOINED != 0 ? joined_block_at(int(n), int(block), int(p.split), int(p.second_at), int(pixels))
                       : block_at(int(n), int(block), int(p.out_blocks), int(p.split), int(p.second_at), int(pixels));
  to += int(pixel) * 2;
  [[unroll]] for (int half_block = 0; half_block < 2; half_block++) {
    vec4 sum = vec4(sums[half_block * 4], sums[half_block * 4 + 1], sums[half_block * 4 + 2], sums[half_block * 4 + 3]);
    if (BIAS != 0) sum += bias[layer * p.bias_gap + block * 2 + half_block];
    vec4 value = activate(sum, ACTIVATION);
    if (RESIDUAL != 0) value += residual[to + half_block];
    y[to + half_block] = value * p.scale;
  }
}
