// scale_shift_backward.comp: dx = scale[n, c] · dy, dscale[n, c] = Σ_pixel x · dy, dshift[n, c] = Σ_pixel dy. One
// invocation: four channels of one image.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "shaders/glsl/index.glsl"
#include "shaders/glsl/vectors.glsl"
#include "shaders/scale_shift.h"

layout(local_size_x = 8) in;
VECTORS(0, X, x);                                                // (N, C, H, W) C8
VECTORS(1, Dy, dy);                                              // as x
layout(binding = 2) readonly buffer Scale { vec4 scale[]; };     // (N, C, 1, 1) C8
layout(binding = 3) writeonly buffer Dx { vec4 dx[]; };          // as x
layout(binding = 4) writeonly buffer Dscale { vec4 dscale[]; };  // (N, C, 1, 1) C8
layout(binding = 5) writeonly buffer Dshift { vec4 dshift[]; };  // (N, C, 1, 1) C8
layout(push_constant) uniform Push { scale_shift_backward_parameters p; };

void main() {
  uint i = invocation_index();
  if (i >= p.vectors) return;
  vec4 factor = scale[i], s = vec4(0.0), t = vec4(0.0);
  for (uint pixel = 0; pixel < p.pixels; pixel++) {
    uint at = (i / 2 * p.pixels + pixel) * 2 + i % 2;
    vec4 g = AT(dy, at);
    dx[at] = factor * g;
    s += AT(x, at) * g;
    t += g;
  }
  dscale[i] = s;
  dshift[i] = t;
}
