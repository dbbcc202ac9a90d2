// mean_pool_backward.comp: dx = (activation'(mean of x) · dy / (H · W) + residual) · factor, but for the residual the same for
// all pixels. One invocation: four channels of one image.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "shaders/glsl/activation.glsl"
#include "shaders/glsl/index.glsl"
#include "shaders/glsl/vectors.glsl"
#include "shaders/mean_pool.h"

layout(local_size_x = 8) in;
layout(binding = 0) readonly buffer Dy { vec4 dy[]; };   // (N, C, 1, 1) C8
VECTORS(1, X, x);                                        // (N, C, H, W) C8; read with an activation
VECTORS(2, Residual, residual);                          // as x; read with RESIDUAL
layout(binding = 3) writeonly buffer Dx { vec4 dx[]; };  // as x
layout(push_constant) uniform Push { mean_pool_backward_parameters p; };

layout(constant_id = MEAN_POOL_ACTIVATION) const uint ACTIVATION = ACTIVATION_NONE;
layout(constant_id = MEAN_POOL_RESIDUAL) const uint RESIDUAL = 0;

void main() {
  uint i = invocation_index();
  if (i >= p.quads) return;
  uint from = i / 2 * p.pixels * 2 + i % 2;
  vec4 share = dy[i] / float(p.pixels);
  if (ACTIVATION != ACTIVATION_NONE) {
    vec4 sum = vec4(0.0);
    for (uint pixel = 0; pixel < p.pixels; pixel++) sum += AT(x, from + pixel * 2);
    share *= activate_gradient(sum / float(p.pixels), ACTIVATION);
  }
  for (uint pixel = 0; pixel < p.pixels; pixel++) {
    uint at = from + pixel * 2;
    vec4 value = share;
    if (RESIDUAL != 0) value += AT(residual, at);
    dx[at] = value * p.factor;
  }
}
