// conv_transpose_texel.comp: the formula of conv_transpose.comp, for CPU drivers (see conv_texel.comp). One workgroup
// of 8 takes eight input pixels, counted across images, and makes four taps of them in eight output channels: lane =
// output channel, one accumulator a pixel and tap.
#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_KHR_shader_subgroup_shuffle : require
#extension GL_EXT_control_flow_attributes : require
#include "shaders/conv_transpose.h"
#include "shaders/glsl/activation.glsl"

layout(local_size_x = 8) in;
layout(binding = 0, rgba32f) readonly uniform imageBuffer x;       // (N, C1, H, W) C8
layout(binding = 1, rgba32f) readonly uniform imageBuffer second;  // (N, C2, H, W) C8
layout(binding = 2, rgba32f) readonly uniform imageBuffer weight;  // (C1 + C2, O, k, k) WEIGHT_TRANSPOSED
layout(binding = 3) readonly buffer Bias { float bias[]; };        // (1, O, 1, 1) C8
layout(binding = 4) writeonly buffer Y { float y[]; };             // (N, O, k·H, k·W) C8
layout(push_constant) uniform Push { conv_transpose_parameters p; };

layout(constant_id = CONV_TRANSPOSE_ACTIVATION) const uint ACTIVATION = ACTIVATION_NONE;

const int TAPS = 4;  // a workgroup
float sums[8 * TAPS];

// Four input channels of a pixel. Both are read, whichever it is, but a variant for two tensors would have the loop below
// twice. Worth it: llvmpipe (Mesa 22.3) keeps one small pipeline for all layers instead of two, one of them thrice as large.
vec4 load_x(int n, int quad, int pixel, int pixels) {
  int first_quads = int(p.first_quads), second_quads = int(p.second_quads), within = quad - first_quads;
  if (quad < first_quads) return imageLoad(x, ((n * first_quads / 2 + quad / 2) * pixels + pixel) * 2 + quad % 2);
  return imageLoad(second, ((n * second_quads / 2 + within / 2) * pixels + pixel) * 2 + within % 2);
}

void main() {
  int lane = int(gl_LocalInvocationID.x), block = int(gl_WorkGroupID.x), pixels = int(p.height * p.width);
  int taps = int(p.kernel * p.kernel), first_tap = int(gl_WorkGroupID.z) * TAPS;
  int last_tap = min(TAPS, taps - first_tap) - 1;  // the last one of this workgroup's that exists
  int all_quads = int(p.first_quads + p.second_quads), count = int(p.batch) * pixels;
  int first = int(gl_WorkGroupID.y) * 8, mine = min(first + lane, count - 1);
  int my_n = mine / pixels, my_pixel = mine % pixels;
  [[unroll]] for (int i = 0; i < 8 * TAPS; i++) sums[i] = 0.0;

  [[dont_unroll]] for (int quad = 0; quad < all_quads; quad++) {
    int weight_at = ((block * all_quads + quad) * taps + first_tap) * 8 + lane;
    vec4 v = load_x(my_n, quad, my_pixel, pixels);
    [[unroll]] for (int t = 0; t < TAPS; t++) {
      vec4 w = imageLoad(weight, weight_at + min(t, last_tap) * 8);
      [[unroll]] for (int channel = 0; channel < 4; channel++)
        [[unroll]] for (int k = 0; k < 8; k++)
          sums[t * 8 + k] += subgroupShuffle(v[channel], uint(k)) * w[channel];
    }
  }

  float b = bias[block * 8 + lane];
  int k = int(p.kernel), out_width = int(p.width) * k;
  [[unroll]] for (int i = 0; i < 8; i++) {
    if (first + i >= count) continue;
    int n = (first + i) / pixels, pixel = (first + i) % pixels;
    int to = (n * int(p.out_blocks) + block) * pixels * taps;
    int corner = pixel / int(p.width) * k * out_width + pixel % int(p.width) * k;
    [[unroll]] for (int t = 0; t < TAPS; t++) {
      if (t > last_tap) continue;
      int tap = first_tap + t;
      y[(to + corner + tap / k * out_width + tap % k) * 8 + lane] = activate(sums[t * 8 + i] + b, ACTIVATION);
    }
  }
}
