// conv_transpose_data_gradient_texel.comp: the formula of conv_transpose_data_gradient.comp, for CPU drivers (see
// conv_texel.comp). One workgroup of 8 makes sixteen input channels of 32 pixels, counted across images: lane = input
// channel, two accumulators a pixel; dy is loaded with lane = pixel. Where the last eight channels are missing, those before
// are made twice.
#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_KHR_shader_subgroup_shuffle : require
#extension GL_EXT_control_flow_attributes : require
#include "shaders/conv_transpose.h"
#include "shaders/glsl/split.glsl"

layout(local_size_x = 8) in;
layout(binding = 0, rgba32f) readonly uniform imageBuffer dy;      // (N, O, k·H, k·W) C8
layout(binding = 1, rgba32f) readonly uniform imageBuffer weight;  // (C, O, k, k) WEIGHT: channels exchanged
layout(binding = 2) writeonly buffer Dx { float dx[]; };           // (N, C1, H, W) C8
layout(push_constant) uniform Push { conv_transpose_gradient_parameters p; };

const int BLOCKS = 2;  // of eight input channels
const int GROUPS = 4;  // of eight pixels
float sums[BLOCKS * 8 * GROUPS];

void main() {
  int lane = int(gl_LocalInvocationID.x), first_block = int(gl_WorkGroupID.x) * BLOCKS, pixels = int(p.height * p.width);
  int k = int(p.kernel), taps = k * k, quads = int(p.out_blocks) * 2, out_width = int(p.width) * k;
  int count = int(p.batch) * pixels, first = int(gl_WorkGroupID.y) * 8 * GROUPS;
  int blocks = int(p.first_quads) / 2, last = blocks - 1 - first_block;  // its last block that exists
  int corners[GROUPS];  // where a lane's pixels begin in dy, in texels
  [[unroll]] for (int g = 0; g < GROUPS; g++) {
    int mine = min(first + g * 8 + lane, count - 1), pixel = mine % pixels;
    int corner = pixel / int(p.width) * k * out_width + pixel % int(p.width) * k;
    corners[g] = (mine / pixels * int(p.out_blocks) * pixels * taps + corner) * 2;
  }
  [[unroll]] for (int i = 0; i < BLOCKS * 8 * GROUPS; i++) sums[i] = 0.0;

  [[dont_unroll]] for (int quad = 0; quad < quads; quad++)
    [[dont_unroll]] for (int tap = 0; tap < taps; tap++) {
      int offset = (quad / 2 * pixels * taps + tap / k * out_width + tap % k) * 2 + quad % 2;
      vec4 w[BLOCKS];
      [[unroll]] for (int b = 0; b < BLOCKS; b++) {
        int block = int(p.first_block) + first_block + min(b, last);
        w[b] = imageLoad(weight, ((block * quads + quad) * taps + tap) * 8 + lane);
      }
      [[unroll]] for (int g = 0; g < GROUPS; g++) {
        vec4 v = imageLoad(dy, corners[g] + offset);
        [[unroll]] for (int o = 0; o < 4; o++)
          [[unroll]] for (int i = 0; i < 8; i++) {
            float value = subgroupShuffle(v[o], uint(i));
            [[unroll]] for (int b = 0; b < BLOCKS; b++) sums[(b * GROUPS + g) * 8 + i] += value * w[b][o];
          }
      }
    }

  [[unroll]] for (int i = 0; i < 8 * GROUPS; i++) {
    if (first + i >= count) continue;
    int n = (first + i) / pixels, pixel = (first + i) % pixels;
    [[unroll]] for (int b = 0; b < BLOCKS; b++) {
      int to = block_at(n, first_block + min(b, last), blocks, int(p.split), int(p.second_at), pixels);
      dx[to * 4 + pixel * 8 + lane] = sums[b * 8 * GROUPS + i];
    }
  }
}
