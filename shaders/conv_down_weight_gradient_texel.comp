// conv_down_weight_gradient_texel.comp: the formula of conv_down_weight_gradient.comp, for CPU drivers (see conv_texel.comp).
// One workgroup of 8 makes a row of three taps of eight input channels in eight output channels: lane = input channel. It
// walks over the pixels of dy, eight at a time, counted across images.
// Worth it: llvmpipe (Mesa 22.3), all gradients of 64 → 64 channels of four images of 32×32: 7.7 ms of CPU time instead
// of 83.
#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#include "shaders/conv_down.h"
#include "shaders/glsl/turn.glsl"

layout(local_size_x = 8) in;
layout(binding = 0, rgba32f) readonly uniform imageBuffer x;   // (N, C, H, W) C8
layout(binding = 1, rgba32f) readonly uniform imageBuffer dy;  // (N, O, H', W') C8
layout(binding = 2) writeonly buffer Dw { float dw[]; };       // (O, C, 3, 3) WEIGHT
layout(push_constant) uniform Push { conv_down_parameters p; };

float sums[3 * 8];

void main() {
  int lane = int(gl_LocalInvocationID.x), octet = int(gl_WorkGroupID.x), block = int(gl_WorkGroupID.y);
  int tap_row = int(gl_WorkGroupID.z), width = int(p.width), height = int(p.height), out_width = int(p.out_width);
  int out_pixels = int(p.out_height * p.out_width), count = int(p.batch) * out_pixels, quads = int(p.quads);
  [[unroll]] for (int i = 0; i < 3 * 8; i++) sums[i] = 0.0;

  [[dont_unroll]] for (int first = 0; first < count; first += 8) {
    int mine = min(first + lane, count - 1), n = mine / out_pixels, pixel = mine % out_pixels;
    int from = ((n * int(p.out_blocks) + block) * out_pixels + pixel) * 2;
    bool exists = first + lane < count;
    vec4 low = exists ? imageLoad(dy, from) : vec4(0.0), high = exists ? imageLoad(dy, from + 1) : vec4(0.0);
    int r = pixel / out_width * 2 + tap_row - int(p.padding), c = pixel % out_width * 2 - int(p.padding);
    int place = r < 0 || r >= height ? -1 : ((n * quads / 2 + octet) * height + r) * width;  // where its row begins
    [[unroll]] for (int four = 0; four < 8; four += 4) {
      int at = subgroupShuffle(place, uint(four + lane / 2)), column = subgroupShuffle(c, uint(four + lane / 2));
      vec4 v[3];
      [[unroll]] for (int t = 0; t < 3; t++) {
        bool inside = at >= 0 && column + t >= 0 && column + t < width;
        v[t] = inside ? imageLoad(x, (at + column + t) * 2 + lane % 2) : vec4(0.0);
      }
      [[unroll]] for (int i = 0; i < 4; i++) {
        float values[3];
        [[unroll]] for (int t = 0; t < 3; t++) values[t] = turn(v[t], i, lane);
        [[unroll]] for (int o = 0; o < 8; o++) {
          float g = subgroupShuffle(o < 4 ? low[o % 4] : high[o % 4], uint(four + i));
          [[unroll]] for (int t = 0; t < 3; t++) sums[t * 8 + o] += g * values[t];
        }
      }
    }
  }

  int to = ((block * quads + octet * 2 + lane / 4) * CONV_DOWN_TAPS + tap_row * 3) * 32 + lane % 4;
  [[unroll]] for (int t = 0; t < 3; t++)
    [[unroll]] for (int o = 0; o < 8; o++) dw[to + t * 32 + o * 4] = sums[t * 8 + o];
}
