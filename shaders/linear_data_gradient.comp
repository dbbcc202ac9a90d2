// linear_data_gradient.comp: dx[n, i] = Σ_o w[o, i] · dz[n, o], dz as in linear_weight_gradient.comp. One invocation: four
// input features of one row of one layer.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "shaders/glsl/activation.glsl"
#include "shaders/glsl/index.glsl"
#include "shaders/glsl/linear.glsl"

layout(local_size_x = PLAIN_LOCAL_SIZE) in;  // all: of several layers
layout(binding = 0) readonly buffer Dy { float dy[]; };         // (N, O, 1, 1) C8
layout(binding = 1) readonly buffer Z { float z[]; };           // as dy
layout(binding = 2) readonly buffer Weight { vec4 weight[]; };  // (O, I, 1, 1) WEIGHT
layout(binding = 3) writeonly buffer Dx { vec4 dx[]; };         // (N, I, 1, 1) C8

layout(constant_id = LINEAR_ACTIVATION) const uint ACTIVATION = ACTIVATION_NONE;

void main() {
  linear_layer l = find_layer();
  uint i = invocation_index();
  if (i >= l.batch * l.in_quads) return;
  uint n = i / l.in_quads, quad = i % l.in_quads;
  uint dy_row = l.first[0] * 4 + n * l.outs, z_row = l.first[1] * 4 + n * l.outs;
  vec4 sum = vec4(0.0);
  for (uint o = 0; o < l.outs; o++) {
    float g = dy[dy_row + o];
    if (ACTIVATION != ACTIVATION_NONE) g *= activate_gradient(z[z_row + o], ACTIVATION);
    sum += g * weight[l.first[2] + (o / 8 * l.in_quads + quad) * 8 + o % 8];
  }
  dx[l.first[3] + i] = sum;
}
