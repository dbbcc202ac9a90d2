// sampler_update.comp: one denoising step, in place: x' = a · x + b · m + s · z + d · m_before with m the network's output
// or the x_0 that follows from it, z normal noise, and (a, b, s, d) the current row of the sampler's table; where x_0 is limited,
// c · what the network predicted is added. Guided
// (Ho & Salimans 2022), m = m_avoid + w · (m_context - m_avoid). One invocation: four neighbouring elements,
// whose noise is that of normal_noise.comp at step index + 1.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "shaders/glsl/fours.glsl"
#include "shaders/glsl/index.glsl"
#include "shaders/glsl/philox.glsl"
#include "shaders/sampler_update.h"
#include "shaders/step.h"

layout(local_size_x = PLAIN_LOCAL_SIZE) in;
layout(binding = 0) buffer X { float x[]; };                      // (N, C, H, W) C8
layout(binding = 1) readonly buffer Model { float model[]; };     // as x; guided (2N, C, H, W)
layout(binding = 2) readonly buffer Table { float table[]; };     // (steps, ROW_WORDS) raw
layout(binding = 3) coherent buffer Step { uint step_words[]; };  // STEP_WORDS, raw
layout(binding = 4) readonly buffer Limit { float limit[]; };     // (N) raw
layout(binding = 5) buffer Previous { float previous[]; };        // as x
layout(push_constant) uniform Push { sampler_update_parameters p; };

layout(constant_id = SAMPLER_UPDATE_GUIDED) const uint GUIDED = 0;
layout(constant_id = SAMPLER_UPDATE_X0) const uint X0 = 0;
layout(constant_id = SAMPLER_UPDATE_LIMITED) const uint LIMITED = 0;
layout(constant_id = SAMPLER_UPDATE_HISTORY) const uint HISTORY = 0;
layout(constant_id = SAMPLER_UPDATE_ADVANCE) const uint ADVANCE = 0;

void update(uint step) {
  uint i = invocation_index();
  uint pixels = p.height * p.width, blocks = (p.channels + 7) / 8, elements = p.channels * pixels, fours = (elements + 3) / 4;
  if (i >= p.batch * fours) return;
  uint four = i % fours, n = i / fours;
  uint row = step * ROW_WORDS, avoided = p.batch * blocks * pixels * 8;
  float a = table[row + ROW_X], b = table[row + ROW_MODEL], s = table[row + ROW_NOISE], d = table[row + ROW_PREVIOUS];
  vec4 z = vec4(0.0);
  if (s != 0.0)
    z = philox_normal(uvec4(four, step_words[STEP_FIRST_SAMPLE] + n, step + 1, STREAM_SAMPLING),
                      uvec2(step_words[STEP_SEED_LOW], step_words[STEP_SEED_HIGH]));
  [[unroll]] for (uint k = 0; k < 4; k++) {
    if (four * 4 + k >= elements) return;
    uint at = place_of(n, four * 4 + k, pixels, blocks);
    precise float m = model[at];
    if (GUIDED != 0) m = model[avoided + at] + table[row + ROW_GUIDANCE] * (m - model[avoided + at]);
    precise float predicted = m;
    if (X0 != 0) m = table[row + ROW_X0_X] * x[at] + table[row + ROW_X0_MODEL] * m;
    if (LIMITED != 0) m = clamp(m, -limit[n], limit[n]) / limit[n];
    precise float updated = a * x[at] + b * m + s * z[k];
    if (LIMITED != 0 && table[row + ROW_OUTPUT] != 0.0) updated += table[row + ROW_OUTPUT] * predicted;
    if (HISTORY != 0) {
      if (d != 0.0) updated += d * previous[at];  // before the first step there is none
      previous[at] = m;
    }
    x[at] = updated;
  }
}

// When the last workgroup arrives, all others have read.
void advance(uint step) {
  memoryBarrierBuffer();
  barrier();
  if (gl_LocalInvocationID.x != 0) return;
  if (atomicAdd(step_words[STEP_ARRIVED], 1) + 1 < gl_NumWorkGroups.x * gl_NumWorkGroups.y) return;
  step_words[STEP_ARRIVED] = 0;
  step_words[STEP_INDEX] = step + 1;
}

void main() {
  uint step = step_words[STEP_INDEX];
  update(step);
  if (ADVANCE != 0) advance(step);
}
