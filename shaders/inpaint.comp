// inpaint.comp: RePaint (Lugmayr et al. 2022, algorithm 1), in place after a denoising step from t to s. Where the mask
// is below ½, x = √ᾱ_s · known + √(1 - ᾱ_s) · z; then, to go over the step again, x' = √(ᾱ_t/ᾱ_s) · x + √(1 - ᾱ_t/ᾱ_s) · z',
// else x' = x. One invocation: four neighbouring elements.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "shaders/glsl/fours.glsl"
#include "shaders/glsl/index.glsl"
#include "shaders/glsl/philox.glsl"
#include "shaders/inpaint.h"
#include "shaders/sampler_update.h"
#include "shaders/step.h"

layout(local_size_x = PLAIN_LOCAL_SIZE) in;
layout(binding = 0) buffer X { float x[]; };                      // (N, C, H, W) C8
layout(binding = 1) readonly buffer Known { float known[]; };     // as x
layout(binding = 2) readonly buffer Mask { float mask[]; };       // (N, 1, H, W) raw
layout(binding = 3) readonly buffer Table { float table[]; };     // (steps, ROW_WORDS) raw
layout(binding = 4) readonly buffer Step { uint step_words[]; };  // STEP_WORDS, raw
layout(push_constant) uniform Push { inpaint_parameters p; };

vec4 normals(uint four, uint n, uint stream) {
  return philox_normal(uvec4(four, step_words[STEP_FIRST_SAMPLE] + n, step_words[STEP_INDEX] + 1, stream),
                       uvec2(step_words[STEP_SEED_LOW], step_words[STEP_SEED_HIGH]));
}

void main() {
  uint i = invocation_index();
  uint pixels = p.height * p.width, blocks = (p.channels + 7) / 8, elements = p.channels * pixels, fours = (elements + 3) / 4;
  if (i >= p.batch * fours) return;
  uint four = i % fours, n = i / fours, row = step_words[STEP_INDEX] * ROW_WORDS;
  float sigma = table[row + ROW_KNOWN_NOISE], back_sigma = table[row + ROW_BACK_NOISE];
  vec4 z = vec4(0.0), back_z = vec4(0.0);
  if (sigma != 0.0) z = normals(four, n, STREAM_KNOWN);
  if (back_sigma != 0.0) back_z = normals(four, n, STREAM_BACK);
  [[unroll]] for (uint k = 0; k < 4; k++) {
    uint e = four * 4 + k, at = place_of(n, e, pixels, blocks);
    if (e >= elements) return;
    precise float value = x[at];
    if (mask[n * pixels + e % pixels] < 0.5) value = table[row + ROW_KNOWN] * known[at] + sigma * z[k];
    value = table[row + ROW_BACK] * value + back_sigma * back_z[k];
    x[at] = value;
  }
}
