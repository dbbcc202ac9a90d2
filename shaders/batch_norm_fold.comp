// batch_norm_fold.comp: a convolution followed by batch normalisation with fixed statistics is a convolution:
// s = γ / √(variance + ε), w' = s[o] · w, b' = s · (b - mean) + β. One invocation: one output channel.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "shaders/batch_norm_fold.h"
#include "shaders/glsl/index.glsl"

layout(local_size_x = 8) in;
layout(binding = 0) readonly buffer Weight { vec4 weight[]; };        // (O, C, k, k) WEIGHT
layout(binding = 1) readonly buffer Bias { float bias[]; };           // (1, O, 1, 1) C8
layout(binding = 2) readonly buffer Gamma { float gamma[]; };         // (1, O, 1, 1) C8
layout(binding = 3) readonly buffer Beta { float beta[]; };           // (1, O, 1, 1) C8
layout(binding = 4) readonly buffer Mean { float mean[]; };           // (1, O, 1, 1) C8
layout(binding = 5) readonly buffer Variance { float variance[]; };   // (1, O, 1, 1) C8
layout(binding = 6) writeonly buffer Weight2 { vec4 folded_weight[]; };  // as weight
layout(binding = 7) writeonly buffer Bias2 { float folded_bias[]; };     // as bias
layout(push_constant) uniform Push { batch_norm_fold_parameters p; };

void main() {
  uint o = invocation_index();
  if (o >= p.out_blocks * 8) return;
  float scale = gamma[o] / sqrt(variance[o] + p.epsilon);
  folded_bias[o] = scale * (bias[o] - mean[o]) + beta[o];
  uint count = p.in_quads * p.taps;
  for (uint i = 0; i < count; i++) {
    uint at = (o / 8 * count + i) * 8 + o % 8;
    folded_weight[at] = scale * weight[at];
  }
}
