// linear_weight_gradient.comp: dw[o, i] = Σ_n dz[n, o] · x[n, i] and db[o] = Σ_n dz[n, o], dz = activation'(z) · dy with z
// what the activation was applied to. One invocation: four input features of one output feature of one layer.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "shaders/glsl/activation.glsl"
#include "shaders/glsl/index.glsl"
#include "shaders/glsl/linear.glsl"

layout(local_size_x = PLAIN_LOCAL_SIZE) in;  // all: of several layers
layout(binding = 0) readonly buffer X { vec4 x[]; };     // (N, I, 1, 1) C8
layout(binding = 1) readonly buffer Dy { float dy[]; };  // (N, O, 1, 1) C8
layout(binding = 2) readonly buffer Z { float z[]; };    // as dy
layout(binding = 3) writeonly buffer Dw { vec4 dw[]; };  // (O, I, 1, 1) WEIGHT
layout(binding = 4) writeonly buffer Db { float db[]; }; // (1, O, 1, 1) C8

layout(constant_id = LINEAR_ACTIVATION) const uint ACTIVATION = ACTIVATION_NONE;

void main() {
  linear_layer l = find_layer();
  uint i = invocation_index();
  if (i >= l.outs * l.in_quads) return;
  uint quad = i / 8 % l.in_quads, o = i / (8 * l.in_quads) * 8 + i % 8;
  uint x_quad = l.first[0] + quad, dy_at = l.first[1] * 4 + o, z_at = l.first[2] * 4 + o;
  vec4 sum = vec4(0.0);
  float total = 0.0;
  for (uint n = 0; n < l.batch; n++) {
    float g = dy[dy_at + n * l.outs];
    if (ACTIVATION != ACTIVATION_NONE) g *= activate_gradient(z[z_at + n * l.outs], ACTIVATION);
    sum += g * x[x_quad + n * l.in_quads];
    total += g;
  }
  dw[l.first[3] + i] = sum;
  if (quad == 0) db[l.first[4] * 4 + o] = total;
}
