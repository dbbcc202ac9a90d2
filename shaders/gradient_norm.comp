// gradient_norm.comp: sums of squares of all gradients and of all weights, in pieces of GRADIENT_NORM_QUADS vec4s. One
// workgroup: one piece.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "shaders/gradient_norm.h"
#include "shaders/index.glsl"

layout(local_size_x_id = GRADIENT_NORM_LANES) in;
layout(binding = 0) readonly buffer Gradients { vec4 gradients[]; };  // flat
layout(binding = 1) readonly buffer Weights { vec4 weights[]; };      // flat
layout(binding = 2) writeonly buffer Sums { float sums[]; };          // one a piece of the gradients, raw
layout(binding = 3) writeonly buffer WeightSums { float weight_sums[]; };  // and of the weights
layout(push_constant) uniform Push { gradient_norm_parameters p; };

#include "shaders/workgroup_sum.glsl"

void main() {
  uint pieces = (p.gradient_quads + GRADIENT_NORM_QUADS - 1) / GRADIENT_NORM_QUADS, i = workgroup_index();
  bool of_weights = i >= pieces;
  uint piece = of_weights ? i - pieces : i, quads = of_weights ? p.weight_quads : p.gradient_quads;
  uint lane = gl_LocalInvocationID.x, first = piece * GRADIENT_NORM_QUADS, end = min(first + GRADIENT_NORM_QUADS, quads);
  if (first >= quads) return;
  float sum = 0.0;
  // Two loops, of which one is empty: a CPU driver walks through both sides of a branch.
  for (uint k = of_weights ? end : first + lane; k < end; k += gl_WorkGroupSize.x) sum += dot(gradients[k], gradients[k]);
  for (uint k = of_weights ? first + lane : end; k < end; k += gl_WorkGroupSize.x) sum += dot(weights[k], weights[k]);
  sum = workgroup_sum(sum);
  if (lane != 0) return;
  if (of_weights)
    weight_sums[piece] = sum;
  else
    sums[piece] = sum;
}
