// blend.comp: y[n] = Σ_k table[row[n]][column + k] · x_k[n]: every image by factors of its own. One invocation: four channels
// of one pixel.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "shaders/blend.h"
#include "shaders/glsl/index.glsl"

layout(constant_id = 0) const uint TERMS = 4;

layout(local_size_x = PLAIN_LOCAL_SIZE) in;
layout(binding = 0) readonly buffer Table { float table[]; };  // (rows, words) raw
layout(binding = 1) readonly buffer Row { uint row[]; };       // (N) raw
layout(binding = 2) readonly buffer X0 { vec4 x0[]; };         // (N, C, H, W) C8
layout(binding = 3) readonly buffer X1 { vec4 x1[]; };         // as x0; of terms that are not there: x0
layout(binding = 4) readonly buffer X2 { vec4 x2[]; };
layout(binding = 5) readonly buffer X3 { vec4 x3[]; };
layout(binding = 6) writeonly buffer Y { vec4 y[]; };          // as x0
layout(push_constant) uniform Push { blend_parameters p; };

void main() {
  uint i = invocation_index();
  if (i >= p.quads) return;
  uint at = row[i / p.image_quads] * p.words + p.column;
  vec4 sum = table[at] * x0[i];
  if (TERMS > 1) sum += table[at + 1] * x1[i];
  if (TERMS > 2) sum += table[at + 2] * x2[i];
  if (TERMS > 3) sum += table[at + 3] * x3[i];
  y[i] = sum;
}
