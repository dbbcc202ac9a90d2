// mse_total.comp: loss = scale/M · Σ_n sums[n]. One workgroup.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "shaders/mse.h"

layout(local_size_x_id = MSE_LANES) in;
layout(binding = 0) readonly buffer Sums { float sums[]; };   // (1, N, 1, 1) raw
layout(binding = 1) writeonly buffer Loss { float loss[]; };  // (1, 4, 1, 1) raw: the loss and three zeros
layout(push_constant) uniform Push { mse_parameters p; };

#include "shaders/glsl/workgroup_sum.glsl"

void main() {
  uint lane = gl_LocalInvocationID.x;
  float mine = 0.0;
  for (uint n = lane; n < p.batch; n += gl_WorkGroupSize.x) mine += sums[n];
  float total = workgroup_sum(mine);
  if (lane < 4) loss[lane] = lane == 0 ? total * p.share : 0.0;
}
