// norm_parameter_gradient.comp: dβ[c] = Σ_n sum[n, c], dγ[c] = Σ_n product[n, c], in order. One invocation: one channel.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "shaders/index.glsl"
#include "shaders/norm_parameter_gradient.h"

layout(local_size_x = 8) in;
layout(binding = 0) readonly buffer Sum { float sum[]; };          // (N, C, 1, 1) C8
layout(binding = 1) readonly buffer Product { float product[]; };  // (N, C, 1, 1) C8
layout(binding = 2) writeonly buffer Dgamma { float dgamma[]; };   // (1, C, 1, 1) C8
layout(binding = 3) writeonly buffer Dbeta { float dbeta[]; };     // (1, C, 1, 1) C8
layout(push_constant) uniform Push { norm_parameter_gradient_parameters p; };

void main() {
  uint c = invocation_index();
  if (c >= p.channels) return;
  float s = 0.0, t = 0.0;
  for (uint n = 0; n < p.batch; n++) {
    s += sum[n * p.channels + c];
    t += product[n * p.channels + c];
  }
  dbeta[c] = s;
  dgamma[c] = t;
}
