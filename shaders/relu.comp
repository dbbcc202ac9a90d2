// relu.comp: y = max(x, 0). One invocation: four elements.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "shaders/index.glsl"
#include "shaders/relu.h"

layout(local_size_x = PLAIN_LOCAL_SIZE) in;
layout(binding = 0) readonly buffer X { vec4 x[]; };   // any layout
layout(binding = 1) writeonly buffer Y { vec4 y[]; };  // as x
layout(push_constant) uniform Push { relu_parameters p; };

void main() {
  uint i = invocation_index();
  if (i < p.quads) y[i] = max(x[i], vec4(0.0));
}
