// channel_sum.comp: the gradient of a bias, db[c] = Σ_n Σ_pixel dy[n, c, pixel], image by image, so that sums stay
// short. One invocation: one channel.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "shaders/channel_sum.h"
#include "shaders/index.glsl"

layout(local_size_x = 8) in;
layout(binding = 0) readonly buffer Dy { float dy[]; };  // (N, C, H, W) C8
layout(binding = 1) writeonly buffer Db { float db[]; };  // (1, C, 1, 1) C8
layout(push_constant) uniform Push { channel_sum_parameters p; };

void main() {
  uint c = invocation_index();
  if (c >= p.channels) return;
  float total = 0.0;
  for (uint n = 0; n < p.batch; n++) {
    float sum = 0.0;
    uint from = (n * p.channels / 8 + c / 8) * p.pixels * 8 + c % 8;
    for (uint pixel = 0; pixel < p.pixels; pixel++) sum += dy[from + pixel * 8];
    total += sum;
  }
  db[c] = total;
}
