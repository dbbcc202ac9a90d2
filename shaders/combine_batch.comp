// combine_batch.comp: y[n] = Σ_k table[step][k] · x[k · N + n], batches that lie one after the other added up by the current step's
// factors. One invocation: four channels of one pixel.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "shaders/combine_batch.h"
#include "shaders/glsl/index.glsl"
#include "shaders/step.h"

layout(local_size_x = PLAIN_LOCAL_SIZE) in;
layout(binding = 0) readonly buffer X { vec4 x[]; };             // (terms · N, C, H, W) C8
layout(binding = 1) readonly buffer Table { float table[]; };    // (steps, terms) raw
layout(binding = 2) readonly buffer Step { uint step_words[]; };  // STEP_WORDS, raw
layout(binding = 3) writeonly buffer Y { vec4 y[]; };            // (N, C, H, W) C8
layout(push_constant) uniform Push { combine_batch_parameters p; };

void main() {
  uint i = invocation_index();
  if (i >= p.quads) return;
  uint row = step_words[STEP_INDEX] * p.terms;
  precise vec4 sum = vec4(0.0);
  for (uint k = 0; k < p.terms; k++) sum += table[row + k] * x[k * p.quads + i];
  y[i] = sum;
}
