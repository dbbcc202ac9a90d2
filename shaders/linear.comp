// linear.comp: y[n, o] = activation(z[n, o]), z = b[o] + Σ_i w[o, i] · x[n, i]. One invocation: one output feature of one
// row of one layer.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "shaders/glsl/activation.glsl"
#include "shaders/glsl/index.glsl"
#include "shaders/glsl/linear.glsl"

layout(local_size_x = PLAIN_LOCAL_SIZE) in;  // all: of several layers
layout(binding = 0) readonly buffer X { vec4 x[]; };            // (N, I, 1, 1) C8
layout(binding = 1) readonly buffer Weight { vec4 weight[]; };  // (O, I, 1, 1) WEIGHT
layout(binding = 2) readonly buffer Bias { float bias[]; };     // (1, O, 1, 1) C8
layout(binding = 3) writeonly buffer Y { float y[]; };          // (N, O, 1, 1) C8
layout(binding = 4) writeonly buffer Z { float z[]; };          // as y; kept for the backward pass

layout(constant_id = LINEAR_ACTIVATION) const uint ACTIVATION = ACTIVATION_NONE;
layout(constant_id = LINEAR_KEEP) const uint KEEP = 0;

void main() {
  linear_layer l = find_layer();
  uint i = invocation_index();
  if (i >= l.batch * l.outs) return;
  uint n = i / l.outs, o = i % l.outs;
  uint row = l.first[0] + n * l.in_quads, weights = l.first[1] + o / 8 * l.in_quads * 8 + o % 8;
  float sum = bias[l.first[2] * 4 + o];
  for (uint quad = 0; quad < l.in_quads; quad++) sum += dot(weight[weights + quad * 8], x[row + quad]);
  y[l.first[3] * 4 + i] = activate(sum, ACTIVATION);
  if (KEEP != 0) z[l.first[4] * 4 + i] = sum;
}
