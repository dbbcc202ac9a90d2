// concat_backward.comp: da[n] is the first part of dy[n] along channels, db[n] the rest. One invocation: four elements.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "shaders/concat.h"
#include "shaders/glsl/index.glsl"

layout(local_size_x = PLAIN_LOCAL_SIZE) in;
layout(binding = 0) readonly buffer Dy { vec4 dy[]; };   // (N, Ca + Cb, H, W) C8
layout(binding = 1) writeonly buffer Da { vec4 da[]; };  // (N, Ca, H, W) C8
layout(binding = 2) writeonly buffer Db { vec4 db[]; };  // (N, Cb, H, W) C8
layout(push_constant) uniform Push { concat_parameters p; };

void main() {
  uint i = invocation_index();
  if (i >= p.quads) return;
  uint image_quads = p.a_quads + p.b_quads;
  uint n = i / image_quads, at = i % image_quads;
  if (at < p.a_quads)
    da[n * p.a_quads + at] = dy[i];
  else
    db[n * p.b_quads + at - p.a_quads] = dy[i];
}
