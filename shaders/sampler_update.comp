// sampler_update.comp: one denoising step, in place: x' = a · x + b · m + s · z with m the network's output, z normal
// noise, and (a, b, s) the current row of the sampler's table. One invocation: four neighbouring elements of a channel,
// whose noise is that of normal_noise.comp at step index + 1.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "shaders/index.glsl"
#include "shaders/philox.glsl"
#include "shaders/sampler_update.h"
#include "shaders/step.h"

layout(local_size_x = PLAIN_LOCAL_SIZE) in;
layout(binding = 0) buffer X { float x[]; };                      // (N, C, H, W) C8, H · W a multiple of 4
layout(binding = 1) readonly buffer Model { float model[]; };     // as x
layout(binding = 2) readonly buffer Table { float table[]; };     // (steps, ROW_WORDS) raw
layout(binding = 3) readonly buffer Step { uint step_words[]; };  // STEP_WORDS, raw
layout(push_constant) uniform Push { sampler_update_parameters p; };

void main() {
  uint i = invocation_index();
  uint pixels = p.height * p.width, blocks = (p.channels + 7) / 8, quads = pixels / 4;
  if (i >= p.batch * p.channels * quads) return;
  uint quad = i % quads, c = i / quads % p.channels, n = i / (quads * p.channels);
  uint step = step_words[STEP_INDEX], row = step * ROW_WORDS;
  float a = table[row + ROW_X], b = table[row + ROW_MODEL], s = table[row + ROW_NOISE];
  vec4 z = vec4(0.0);
  if (s != 0.0)
    z = philox_normal(uvec4(c * quads + quad, step_words[STEP_FIRST_SAMPLE] + n, step + 1, STREAM_SAMPLING),
                      uvec2(step_words[STEP_SEED_LOW], step_words[STEP_SEED_HIGH]));
  uint at = ((n * blocks + c / 8) * pixels + quad * 4) * 8 + c % 8;
  [[unroll]] for (uint k = 0; k < 4; k++) {
    precise float updated = a * x[at + k * 8] + b * model[at + k * 8] + s * z[k];
    x[at + k * 8] = updated;
  }
}
