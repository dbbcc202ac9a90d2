// group_norm_backward_stats.comp: over the channels c of each group, a = Σ γ[c] · sum[n, c] and b = Σ γ[c] · product[n, c],
// in order. One invocation: one group of one image.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "shaders/group_norm_backward.h"
#include "shaders/index.glsl"

layout(local_size_x = 8) in;
layout(binding = 0) readonly buffer Sum { float sum[]; };          // (N, C, 1, 1) C8
layout(binding = 1) readonly buffer Product { float product[]; };  // (N, C, 1, 1) C8
layout(binding = 2) readonly buffer Gamma { float gamma[]; };      // (1, C, 1, 1) C8
layout(binding = 3) writeonly buffer A { float a[]; };             // (N, 8, 1, 1) C8
layout(binding = 4) writeonly buffer B { float b[]; };             // (N, 8, 1, 1) C8
layout(push_constant) uniform Push { group_norm_backward_stats_parameters p; };

void main() {
  uint i = invocation_index();
  if (i >= p.batch * 8) return;
  uint members = p.channels / 8, first = i % 8 * members;
  float s = 0.0, t = 0.0;
  for (uint k = 0; k < members; k++) {
    uint at = i / 8 * p.channels + first + k;
    s += gamma[first + k] * sum[at];
    t += gamma[first + k] * product[at];
  }
  a[i] = s;
  b[i] = t;
}
