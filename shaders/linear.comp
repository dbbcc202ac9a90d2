// linear.comp: y[n, o] = activation(z[n, o]), z = b[o] + Σ_i w[o, i] · x[n, i]. One invocation: one output feature of one
// row.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "shaders/activation.glsl"
#include "shaders/index.glsl"
#include "shaders/linear.h"

layout(local_size_x = PLAIN_LOCAL_SIZE) in;
layout(binding = 0) readonly buffer X { vec4 x[]; };            // (N, I, 1, 1) C8
layout(binding = 1) readonly buffer Weight { vec4 weight[]; };  // (O, I, 1, 1) WEIGHT
layout(binding = 2) readonly buffer Bias { float bias[]; };     // (1, O, 1, 1) C8
layout(binding = 3) writeonly buffer Y { float y[]; };          // (N, O, 1, 1) C8
layout(binding = 4) writeonly buffer Z { float z[]; };          // as y; kept for the backward pass
layout(push_constant) uniform Push { linear_parameters p; };

layout(constant_id = LINEAR_ACTIVATION) const uint ACTIVATION = ACTIVATION_NONE;
layout(constant_id = LINEAR_KEEP) const uint KEEP = 0;

void main() {
  uint i = invocation_index();
  if (i >= p.batch * p.out_blocks * 8) return;
  uint n = i / (p.out_blocks * 8), o = i % (p.out_blocks * 8);
  float sum = bias[o];
  for (uint quad = 0; quad < p.in_quads; quad++)
    sum += dot(weight[(o / 8 * p.in_quads + quad) * 8 + o % 8], x[n * p.in_quads + quad]);
  y[i] = activate(sum, ACTIVATION);
  if (KEEP != 0) z[i] = sum;
}
