// add.comp: y = (a + b) · scale. One invocation: four elements.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "shaders/add.h"
#include "shaders/glsl/index.glsl"

layout(local_size_x = PLAIN_LOCAL_SIZE) in;
layout(binding = 0) readonly buffer A { vec4 a[]; };   // any layout
layout(binding = 1) readonly buffer B { vec4 b[]; };   // as a
layout(binding = 2) writeonly buffer Y { vec4 y[]; };  // as a
layout(push_constant) uniform Push { add_parameters p; };

void main() {
  uint i = invocation_index();
  if (i < p.quads) y[i] = (a[i] + b[i]) * p.scale;
}
