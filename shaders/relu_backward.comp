// relu_backward.comp: dx = dy where x > 0, else 0. One invocation: four elements.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "shaders/activation.glsl"
#include "shaders/relu_backward.h"
#include "shaders/index.glsl"

layout(local_size_x = PLAIN_LOCAL_SIZE) in;
layout(binding = 0) readonly buffer X { vec4 x[]; };     // any layout
layout(binding = 1) readonly buffer Dy { vec4 dy[]; };   // as x
layout(binding = 2) writeonly buffer Dx { vec4 dx[]; };  // as x
layout(push_constant) uniform Push { relu_backward_parameters p; };

void main() {
  uint i = invocation_index();
  if (i < p.quads) dx[i] = activate_gradient(x[i], ACTIVATION_RELU) * dy[i];
}
