// channel_stats.comp: mean and sum of squared deviations of every channel of every image, the first half of batch_norm
// and group_norm: mean = 1/P Σ x, deviation = Σ (x - mean)². Two passes, so that nothing cancels. One invocation: one
// channel of one image.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "shaders/channel_stats.h"
#include "shaders/index.glsl"

layout(local_size_x = 8) in;
layout(binding = 0) readonly buffer X { float x[]; };                   // (N, C, H, W) C8
layout(binding = 1) writeonly buffer Mean { float mean[]; };            // (N, C, 1, 1) C8
layout(binding = 2) writeonly buffer Deviation { float deviation[]; };  // (N, C, 1, 1) C8
layout(push_constant) uniform Push { channel_stats_parameters p; };

void main() {
  uint i = invocation_index();
  if (i >= p.blocks * 8) return;
  uint from = i / 8 * p.pixels * 8 + i % 8;
  float sum = 0.0;
  for (uint pixel = 0; pixel < p.pixels; pixel++) sum += x[from + pixel * 8];
  float m = sum / float(p.pixels), squares = 0.0;
  for (uint pixel = 0; pixel < p.pixels; pixel++) {
    float d = x[from + pixel * 8] - m;
    squares += d * d;
  }
  mean[i] = m;
  deviation[i] = squares;
}
