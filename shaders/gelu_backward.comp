// gelu_backward.comp: dx = (Φ(x) + x · φ(x)) · dy, φ the normal density. One invocation: four elements.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "shaders/activation.glsl"
#include "shaders/gelu_backward.h"
#include "shaders/index.glsl"

layout(local_size_x = PLAIN_LOCAL_SIZE) in;
layout(binding = 0) readonly buffer X { vec4 x[]; };     // any layout
layout(binding = 1) readonly buffer Dy { vec4 dy[]; };   // as x
layout(binding = 2) writeonly buffer Dx { vec4 dx[]; };  // as x
layout(push_constant) uniform Push { gelu_backward_parameters p; };

void main() {
  uint i = invocation_index();
  if (i < p.quads) dx[i] = activate_gradient(x[i], ACTIVATION_GELU) * dy[i];
}
