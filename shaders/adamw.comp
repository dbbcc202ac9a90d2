// adamw.comp: AdamW (Loshchilov & Hutter 2019, algorithm 2) over all parameters at once, and their average:
// m = β₁·m + (1-β₁)·g, v = β₂·v + (1-β₂)·g², w = (1 - η·λ)·w - η/(1-β₁ᵗ) · m / (√v/√(1-β₂ᵗ) + ε),
// average = d·average + (1-d)·w. Running statistics follow those of the step's batches: r = r + momentum·(s - r), and are averaged.
// One invocation: four parameters.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "shaders/adamw.h"
#include "shaders/glsl/index.glsl"
#include "shaders/train_state.h"

layout(local_size_x = PLAIN_LOCAL_SIZE) in;
layout(binding = 0) buffer Weights { vec4 weights[]; };              // flat
layout(binding = 1) readonly buffer Gradients { vec4 gradients[]; }; // flat, learned parameters only
layout(binding = 2) buffer First { vec4 first[]; };                  // flat, learned parameters only
layout(binding = 3) buffer Second { vec4 second[]; };                // flat, learned parameters only
layout(binding = 4) buffer Average { vec4 average[]; };              // flat
layout(binding = 5) readonly buffer Statistics { vec4 statistics[]; };  // flat, after the learned parameters; sums over batches
layout(binding = 6) readonly buffer State { uint state[]; };         // TRAIN_WORDS raw
layout(push_constant) uniform Push { adamw_parameters p; };

float of_state(uint word) { return uintBitsToFloat(state[word]); }

void main() {
  uint i = invocation_index();
  if (i >= p.quads || state[TRAIN_SKIP] != 0) return;
  vec4 w = weights[i];
  if (i < p.learned_quads) {
    vec4 g = gradients[i] * of_state(TRAIN_CLIP);
    vec4 m = p.beta1 * first[i] + (1.0 - p.beta1) * g, v = p.beta2 * second[i] + (1.0 - p.beta2) * g * g;
    w = of_state(TRAIN_DECAY) * w - of_state(TRAIN_RATE) * m / (sqrt(v) * of_state(TRAIN_ROOT) + p.epsilon);
    first[i] = m;
    second[i] = v;
  } else {
    w += p.momentum * (p.share * statistics[i - p.learned_quads] - w);
  }
  weights[i] = w;
  average[i] += (1.0 - of_state(TRAIN_EMA)) * (w - average[i]);
}
