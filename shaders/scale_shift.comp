// scale_shift.comp: y = scale[n, c] · x + shift[r, c], r the image's index or the current step (feature-wise linear
// modulation, Perez et al. 2018). One invocation: four channels of one pixel.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "shaders/glsl/index.glsl"
#include "shaders/scale_shift.h"
#include "shaders/step.h"

layout(local_size_x = PLAIN_LOCAL_SIZE) in;
layout(binding = 0) readonly buffer X { vec4 x[]; };          // (N, C, H, W) C8
layout(binding = 1) readonly buffer Scale { vec4 scale[]; };  // (N, C, 1, 1) C8
layout(binding = 2) readonly buffer Shift { vec4 shift[]; };  // (N or steps, C, 1, 1) C8
layout(binding = 3) readonly buffer Step { uint step_words[]; };  // STEP_WORDS, raw
layout(binding = 4) writeonly buffer Y { vec4 y[]; };         // as x
layout(push_constant) uniform Push { scale_shift_parameters p; };

layout(constant_id = SCALE_SHIFT_ROW_FROM_STEP) const uint ROW_FROM_STEP = 0;

void main() {
  uint i = invocation_index();
  if (i >= p.quads) return;
  uint block = i / (p.pixels * 2), n = block * 2 / p.channel_quads, c = block * 2 % p.channel_quads + i % 2;
  uint row = n;
  if (ROW_FROM_STEP != 0) row = step_words[STEP_INDEX];
  y[i] = scale[n * p.channel_quads + c] * x[i] + shift[row * p.channel_quads + c];
}
