// mse_total.comp: loss = scale/M · Σ_n sums[n], in order. One invocation.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "shaders/mse.h"

layout(local_size_x = 1) in;
layout(binding = 0) readonly buffer Sums { float sums[]; };   // (1, N, 1, 1) raw
layout(binding = 1) writeonly buffer Loss { float loss[]; };  // (1, 4, 1, 1) raw: the loss and three zeros
layout(push_constant) uniform Push { mse_parameters p; };

void main() {
  float total = 0.0;
  for (uint n = 0; n < p.batch; n++) total += sums[n];
  loss[0] = total * p.share;
  loss[1] = loss[2] = loss[3] = 0.0;
}
