// scale_shift_sums.comp: dscale[n, c] = Σ_pixel x · dy, dshift[n, c] = Σ_pixel dy. One invocation: four channels of one
// image.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "shaders/index.glsl"
#include "shaders/scale_shift_backward.h"

layout(local_size_x = 8) in;
layout(binding = 0) readonly buffer X { vec4 x[]; };             // (N, C, H, W) C8
layout(binding = 1) readonly buffer Dy { vec4 dy[]; };           // as x
layout(binding = 2) writeonly buffer Dscale { vec4 dscale[]; };  // (N, C, 1, 1) C8
layout(binding = 3) writeonly buffer Dshift { vec4 dshift[]; };  // (N, C, 1, 1) C8
layout(push_constant) uniform Push { scale_shift_backward_parameters p; };

void main() {
  uint i = invocation_index();
  if (i >= p.quads / p.pixels) return;
  vec4 s = vec4(0.0), t = vec4(0.0);
  for (uint pixel = 0; pixel < p.pixels; pixel++) {
    uint at = (i / 2 * p.pixels + pixel) * 2 + i % 2;
    s += x[at] * dy[at];
    t += dy[at];
  }
  dscale[i] = s;
  dshift[i] = t;
}
