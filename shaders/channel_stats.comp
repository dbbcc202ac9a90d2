// channel_stats.comp: mean and sum of squared deviations of every channel of every image, the first half of batch_norm
// and group_norm: mean = 1/P Σ x, deviation = Σ (x - mean)². Two passes, so that nothing cancels. One invocation: four
// channels of one image.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "shaders/channel_stats.h"
#include "shaders/index.glsl"
#include "shaders/vectors.glsl"

layout(local_size_x = 8) in;
VECTORS(0, X, x);                                                      // (N, C, H, W) C8
layout(binding = 1) writeonly buffer Mean { vec4 mean[]; };            // (N, C, 1, 1) C8
layout(binding = 2) writeonly buffer Deviation { vec4 deviation[]; };  // (N, C, 1, 1) C8
layout(push_constant) uniform Push { channel_stats_parameters p; };

void main() {
  uint i = invocation_index();
  if (i >= p.blocks * 2) return;
  uint from = i / 2 * p.pixels * 2 + i % 2;
  vec4 sum = vec4(0.0), squares = vec4(0.0);
  for (uint pixel = 0; pixel < p.pixels; pixel++) sum += AT(x, from + pixel * 2);
  vec4 m = sum / float(p.pixels);
  for (uint pixel = 0; pixel < p.pixels; pixel++) {
    vec4 d = AT(x, from + pixel * 2) - m;
    squares += d * d;
  }
  mean[i] = m;
  deviation[i] = squares;
}
