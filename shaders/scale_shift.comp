// scale_shift.comp: y = activation(a[n, c] · x + b[r, c]), r the image's index or the current step (feature-wise linear
// modulation, Perez et al. 2018), or another form of scale_shift.h. One invocation: four channels of one pixel.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "shaders/glsl/activation.glsl"
#include "shaders/glsl/index.glsl"
#include "shaders/step.h"

layout(local_size_x = PLAIN_LOCAL_SIZE) in;
layout(binding = 0) readonly buffer X { vec4 x[]; };              // (N, C, H, W) C8
layout(binding = 1) readonly buffer Scale { vec4 scale[]; };      // (N, C, 1, 1) C8; SUM: (N or steps, C), HALVES: (N or steps, 2C)
layout(binding = 2) readonly buffer Shift { vec4 shift[]; };      // (N or steps, C, 1, 1) C8; with PAIR
layout(binding = 3) readonly buffer Step { uint step_words[]; };  // STEP_WORDS, raw
layout(binding = 4) writeonly buffer Y { vec4 y[]; };             // as x

#include "shaders/glsl/scale_shift.glsl"

layout(push_constant) uniform Push { scale_shift_parameters p; };

layout(constant_id = SCALE_SHIFT_FORM) const uint FORM = SCALE_SHIFT_PAIR;
layout(constant_id = SCALE_SHIFT_ACTIVATION) const uint ACTIVATION = ACTIVATION_NONE;
layout(constant_id = SCALE_SHIFT_ROW_FROM_STEP) const uint ROW_FROM_STEP = 0;

void main() {
  uint i = invocation_index();
  if (i >= p.vectors) return;
  uint block = i / (p.pixels * 2), n = block * 2 / p.channel_quads, c = block * 2 % p.channel_quads + i % 2;
  uint row = n;
  if (ROW_FROM_STEP != 0) row = step_words[STEP_INDEX];
  vec4 factor = scale_factor(FORM, n, row, c, p.channel_quads);
  y[i] = activate(factor * x[i] + shift_term(FORM, row, c, p.channel_quads), ACTIVATION);
}
