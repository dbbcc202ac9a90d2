// conv_down_texel.comp: the formulas of conv_down.comp, for CPU drivers (see conv_texel.comp). One workgroup of 8 makes sixteen
// channels of 32 pixels, counted across images: lane = channel made, two accumulators a pixel; what is read is loaded with
// lane = pixel. With BACK, pixels of four kinds (even and odd rows and columns) are made apart, for each kind has its taps.
// Where the last eight channels are missing, those before are made twice.
// Worth it: llvmpipe (Mesa 22.3), 64 → 64 channels of four images of 32×32: 2.4 ms of CPU time instead of 54.
#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_KHR_shader_subgroup_shuffle : require
#extension GL_EXT_control_flow_attributes : require
#include "shaders/conv_down.h"

layout(local_size_x = 8) in;
layout(binding = 0, rgba32f) readonly uniform imageBuffer x;       // (N, C, H, W) C8
layout(binding = 1, rgba32f) readonly uniform imageBuffer weight;  // (O, C, 3, 3) WEIGHT
layout(binding = 2) readonly buffer Bias { float bias[]; };        // (1, O, 1, 1) C8
layout(binding = 3) writeonly buffer Y { float y[]; };             // (N, O, H', W') C8
layout(push_constant) uniform Push { conv_down_parameters p; };

layout(constant_id = CONV_DOWN_BACK) const uint BACK = 0;
layout(constant_id = CONV_DOWN_BIAS) const uint BIAS = 1;

const int BLOCKS = 2;  // of eight channels
const int GROUPS = 4;  // of eight pixels
float sums[BLOCKS * 8 * GROUPS];

void main() {
  int lane = int(gl_LocalInvocationID.x), first_block = int(gl_WorkGroupID.x) * BLOCKS;
  int last = int(p.out_blocks) - 1 - first_block;  // its last block that exists
  int height = int(p.height), width = int(p.width), quads = int(p.quads), padding = int(p.padding);
  int apart = BACK != 0 ? 2 : 1;  // rows and columns of one kind lie that far apart
  ivec2 kind = ivec2(gl_WorkGroupID.z >> 1, gl_WorkGroupID.z & 1);
  ivec2 size = (ivec2(p.out_height, p.out_width) - kind + apart - 1) / apart;
  int pixels = size.x * size.y, count = int(p.batch) * pixels, first = int(gl_WorkGroupID.y) * 8 * GROUPS;
  if (first >= count) return;

  int rows[GROUPS], columns[GROUPS];   // of a lane's pixels: in what is read, but for the tap
  int images[GROUPS], places[GROUPS];  // where its image begins in x, in texels, and it in y
  [[unroll]] for (int g = 0; g < GROUPS; g++) {
    int mine = min(first + g * 8 + lane, count - 1), n = mine / pixels, pixel = mine % pixels;
    rows[g] = pixel / size.y;
    columns[g] = pixel % size.y;
    images[g] = n * quads * height * width;
    int at = (rows[g] * apart + kind.x) * int(p.out_width) + columns[g] * apart + kind.y;
    places[g] = (n * int(p.out_blocks) * int(p.out_height * p.out_width) + at) * 8;
    if (BACK == 0) rows[g] *= 2, columns[g] *= 2;
  }
  [[unroll]] for (int i = 0; i < BLOCKS * 8 * GROUPS; i++) sums[i] = 0.0;

  [[dont_unroll]] for (int tap = 0; tap < CONV_DOWN_TAPS; tap++) {
    ivec2 offset = ivec2(tap / 3, tap % 3) - padding;
    if (BACK != 0) {
      offset = kind - offset;
      if (((offset.x | offset.y) & 1) != 0) continue;
      offset >>= 1;
    }
    int from[GROUPS];
    bool inside[GROUPS];
    [[unroll]] for (int g = 0; g < GROUPS; g++) {
      int r = rows[g] + offset.x, c = columns[g] + offset.y;
      inside[g] = r >= 0 && r < height && c >= 0 && c < width;
      from[g] = images[g] + (r * width + c) * 2;
    }
    [[dont_unroll]] for (int quad = 0; quad < quads; quad++) {
      vec4 w[BLOCKS];
      [[unroll]] for (int b = 0; b < BLOCKS; b++)
        w[b] = imageLoad(weight, (((first_block + min(b, last)) * quads + quad) * CONV_DOWN_TAPS + tap) * 8 + lane);
      int channel = quad / 2 * height * width * 2 + quad % 2;
      [[unroll]] for (int g = 0; g < GROUPS; g++) {
        vec4 v = inside[g] ? imageLoad(x, from[g] + channel) : vec4(0.0);
        [[unroll]] for (int k = 0; k < 4; k++)
          [[unroll]] for (int i = 0; i < 8; i++) {
            float value = subgroupShuffle(v[k], uint(i));
            [[unroll]] for (int b = 0; b < BLOCKS; b++) sums[(b * GROUPS + g) * 8 + i] += value * w[b][k];
          }
      }
    }
  }

  [[unroll]] for (int b = 0; b < BLOCKS; b++) {
    int block = first_block + min(b, last), block_at = block * int(p.out_height * p.out_width) * 8 + lane;
    float term = 0.0;
    if (BIAS != 0) term = bias[block * 8 + lane];
    [[unroll]] for (int i = 0; i < 8 * GROUPS; i++) {
      int to = subgroupShuffle(places[i / 8], uint(i % 8)) + block_at;
      if (first + i < count) y[to] = sums[b * 8 * GROUPS + i] + term;
    }
  }
}
