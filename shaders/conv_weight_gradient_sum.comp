// conv_weight_gradient_sum.comp: dw[i] = Σ_s parts[s][i], in the order of the parts, which conv_weight_gradient_tiled.comp
// made. One invocation adds four channels.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "shaders/conv_weight_gradient.h"
#include "shaders/glsl/index.glsl"

layout(local_size_x = PLAIN_LOCAL_SIZE) in;
layout(binding = 0) readonly buffer Parts { vec4 parts[]; };  // [parts] of dw
layout(binding = 1) writeonly buffer Dw { vec4 dw[]; };       // (O, C, k, k) WEIGHT
layout(push_constant) uniform Push { conv_weight_gradient_sum_parameters p; };

void main() {
  uint i = invocation_index();
  if (i >= p.quads) return;
  vec4 sum = vec4(0.0);
  for (uint part = 0; part < p.parts; part++) sum += parts[part * p.quads + i];
  dw[i] = sum;
}
