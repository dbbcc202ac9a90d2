// measure_copy.comp: to = from. One invocation copies one vec4.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "shaders/measure_copy.h"
#include "shaders/glsl/index.glsl"

layout(local_size_x = PLAIN_LOCAL_SIZE) in;
layout(std430, binding = 0) readonly buffer From { vec4 from[]; };
layout(std430, binding = 1) writeonly buffer To { vec4 to[]; };
layout(push_constant) uniform Parameters { measure_copy_parameters p; };

void main() {
  uint i = invocation_index();
  if (i < p.quads) to[i] = from[i];
}
