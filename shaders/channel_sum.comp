// channel_sum.comp: the gradient of a bias, db[c] = Σ_n Σ_pixel dy[n, c, pixel], image by image, so that sums stay
// short. One invocation: four channels.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "shaders/channel_sum.h"
#include "shaders/index.glsl"
#include "shaders/vectors.glsl"

layout(local_size_x = 8) in;
VECTORS(0, Dy, dy);                                      // (N, C, H, W) C8
layout(binding = 1) writeonly buffer Db { vec4 db[]; };  // (1, C, 1, 1) C8
layout(push_constant) uniform Push { channel_sum_parameters p; };

void main() {
  uint c = invocation_index();
  if (c >= p.channels / 4) return;
  vec4 total = vec4(0.0);
  for (uint n = 0; n < p.batch; n++) {
    vec4 sum = vec4(0.0);
    uint from = (n * p.channels / 8 + c / 2) * p.pixels * 2 + c % 2;
    for (uint pixel = 0; pixel < p.pixels; pixel++) sum += AT(dy, from + pixel * 2);
    total += sum;
  }
  db[c] = total;
}
