// gradient_norm.comp: sums of squares of all gradients, or of all weights, in pieces of GRADIENT_NORM_QUADS vec4s. One invocation: one piece.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "shaders/gradient_norm.h"
#include "shaders/index.glsl"

layout(local_size_x = 8) in;
layout(binding = 0) readonly buffer Gradient { vec4 gradient[]; };  // flat
layout(binding = 1) writeonly buffer Sums { float sums[]; };        // one a piece, raw
layout(push_constant) uniform Push { gradient_norm_parameters p; };

void main() {
  uint i = invocation_index();
  uint first = i * GRADIENT_NORM_QUADS, end = min(first + GRADIENT_NORM_QUADS, p.quads);
  if (first >= p.quads) return;
  float sum = 0.0;
  for (uint k = first; k < end; k++) sum += dot(gradient[k], gradient[k]);
  sums[i] = sum;
}
