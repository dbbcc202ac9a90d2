// normal_noise.comp: fills an image batch with independent normals. Element e (row-major within its image) of sample s
// is word e mod 4 of the Philox block with counter (e / 4, s, step, stream), s counted from the run's first sample.
// One invocation: four neighbouring elements; channels of the padding are zeros.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "shaders/glsl/fours.glsl"
#include "shaders/glsl/index.glsl"
#include "shaders/glsl/philox.glsl"
#include "shaders/normal_noise.h"
#include "shaders/step.h"

layout(local_size_x = PLAIN_LOCAL_SIZE) in;
layout(binding = 0) readonly buffer Step { uint step_words[]; };  // STEP_WORDS, raw
layout(binding = 1) writeonly buffer X { float x[]; };            // (N, C, H, W) C8
layout(push_constant) uniform Push { normal_noise_parameters p; };

layout(constant_id = NORMAL_NOISE_BITS) const uint BITS = 0;

void main() {
  uint i = invocation_index();
  uint pixels = p.height * p.width, blocks = (p.channels + 7) / 8, fours = blocks * 2 * pixels;
  if (i >= p.batch * fours) return;
  uint four = i % fours, n = i / fours, elements = p.channels * pixels;
  vec4 values = vec4(0.0);
  if (four * 4 < elements) {
    uvec4 counter = uvec4(four, step_words[STEP_FIRST_SAMPLE] + n, p.step, p.stream);
    uvec2 key = uvec2(step_words[STEP_SEED_LOW], step_words[STEP_SEED_HIGH]);
    values = BITS != 0 ? uintBitsToFloat(philox(counter, key)) : philox_normal(counter, key);
  }
  [[unroll]] for (uint k = 0; k < 4; k++) {
    uint e = four * 4 + k;
    x[place_of(n, e, pixels, blocks)] = e < elements ? values[k] : 0.0;
  }
}
