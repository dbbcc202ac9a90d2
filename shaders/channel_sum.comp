// channel_sum.comp: the gradient of a bias, db[c] = Σ_n Σ_pixel dy[n, c, pixel], image by image, so that sums stay
// short. One workgroup: eight channels. A pair of lanes: every p.columns'th pixel of some images.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "shaders/channel_sum.h"
#include "shaders/glsl/index.glsl"
#include "shaders/glsl/vectors.glsl"

layout(local_size_x_id = CHANNEL_SUM_LANES) in;
VECTORS(0, Dy, dy);                                      // (N, C, H, W) C8
layout(binding = 1) writeonly buffer Db { vec4 db[]; };  // (1, C, 1, 1) C8
layout(push_constant) uniform Push { channel_sum_parameters p; };

#include "shaders/glsl/lane_sums.glsl"

void main() {
  uint block = workgroup_index(), lane = gl_LocalInvocationID.x;
  if (block >= p.channel_blocks) return;
  uint column = lane / 2 % p.columns, images = gl_WorkGroupSize.x / 2 / p.columns;
  vec4 total = vec4(0.0), nothing = vec4(0.0);  // add_lanes takes two
  for (uint n = lane / 2 / p.columns; n < p.batch; n += images) {
    vec4 sum = vec4(0.0);
    uint from = (n * p.channel_blocks + block) * p.pixels * 2 + lane % 2;
    for (uint pixel = column; pixel < p.pixels; pixel += p.columns) sum += AT(dy, from + pixel * 2);
    total += sum;
  }
  add_lanes(total, nothing);
  if (lane < 2) db[block * 2 + lane] = total;
}
