// scale_shift_backward.comp: with g = activation'(a[n, c] · x + b[n, c]) · dy: dx = a[n, c] · g, da[n, c] = Σ_pixel x · g,
// db[n, c] = Σ_pixel g; or of another form of scale_shift.h. One invocation: four channels of one image.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "shaders/glsl/activation.glsl"
#include "shaders/glsl/index.glsl"
#include "shaders/glsl/vectors.glsl"

layout(local_size_x = 8) in;
VECTORS(0, X, x);                                                // (N, C, H, W) C8
VECTORS(1, Dy, dy);                                              // as x
layout(binding = 2) readonly buffer Scale { vec4 scale[]; };     // (N, C, 1, 1) C8; HALVES: (N, 2C, 1, 1)
layout(binding = 3) readonly buffer Shift { vec4 shift[]; };     // (N, C, 1, 1) C8; with PAIR
layout(binding = 4) writeonly buffer Dx { vec4 dx[]; };          // as x
layout(binding = 5) writeonly buffer Dscale { vec4 dscale[]; };  // as scale
layout(binding = 6) writeonly buffer Dshift { vec4 dshift[]; };  // as shift

#define SCALE_SHIFT_GRADIENT
#include "shaders/glsl/scale_shift.glsl"

layout(push_constant) uniform Push { scale_shift_parameters p; };

layout(constant_id = SCALE_SHIFT_FORM) const uint FORM = SCALE_SHIFT_PAIR;
layout(constant_id = SCALE_SHIFT_ACTIVATION) const uint ACTIVATION = ACTIVATION_NONE;

void main() {
  uint i = invocation_index();
  if (i >= p.vectors / p.pixels) return;
  uint n = i / p.channel_quads, c = i % p.channel_quads;
  vec4 factor = scale_factor(FORM, n, n, c, p.channel_quads), term = vec4(0.0), s = vec4(0.0), t = vec4(0.0);
  if (ACTIVATION != ACTIVATION_NONE) term = shift_term(FORM, n, c, p.channel_quads);
  for (uint pixel = 0; pixel < p.pixels; pixel++) {
    uint at = (i / 2 * p.pixels + pixel) * 2 + i % 2;
    vec4 value = AT(x, at), g = AT(dy, at);
    if (ACTIVATION != ACTIVATION_NONE) g *= activate_gradient(factor * value + term, ACTIVATION);
    // A sum alone passes the gradient on as it is.
    if (FORM != SCALE_SHIFT_SUM || ACTIVATION != ACTIVATION_NONE) dx[at] = factor * g;
    s += value * g;
    t += g;
  }
  write_scale_gradient(FORM, n, c, p.channel_quads, s, t);
}
