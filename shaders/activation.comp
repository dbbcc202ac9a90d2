// activation.comp: y = f(x), f of the table in activation.glsl. One invocation: four elements.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "shaders/activation.h"
#include "shaders/glsl/activation.glsl"
#include "shaders/glsl/index.glsl"

layout(local_size_x = PLAIN_LOCAL_SIZE) in;
layout(constant_id = ACTIVATION_KIND) const uint KIND = ACTIVATION_NONE;
layout(binding = 0) readonly buffer X { vec4 x[]; };   // any layout
layout(binding = 1) writeonly buffer Y { vec4 y[]; };  // as x
layout(push_constant) uniform Push { activation_parameters p; };

void main() {
  uint i = invocation_index();
  if (i < p.quads) y[i] = activate(x[i], KIND);
}
