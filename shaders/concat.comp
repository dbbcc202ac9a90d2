// concat.comp: y[n] = a[n] followed by b[n], along channels. One invocation: four elements.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "shaders/concat.h"
#include "shaders/glsl/index.glsl"

layout(local_size_x = PLAIN_LOCAL_SIZE) in;
layout(binding = 0) readonly buffer A { vec4 a[]; };   // (N, Ca, H, W) C8
layout(binding = 1) readonly buffer B { vec4 b[]; };   // (N, Cb, H, W) C8
layout(binding = 2) writeonly buffer Y { vec4 y[]; };  // (N, Ca + Cb, H, W) C8
layout(push_constant) uniform Push { concat_parameters p; };

void main() {
  uint i = invocation_index();
  if (i >= p.quads) return;
  uint image_quads = p.a_quads + p.b_quads;
  uint n = i / image_quads, at = i % image_quads;
  y[i] = at < p.a_quads ? a[n * p.a_quads + at] : b[n * p.b_quads + at - p.a_quads];
}
