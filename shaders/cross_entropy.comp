// cross_entropy.comp: of each image -Σ_k target[k] · log softmax(x)[k], and the loss's gradient
// dx = share · (softmax(x) · Σ target - target). One invocation: one image; channels of the padding are zeros.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "shaders/cross_entropy.h"
#include "shaders/glsl/index.glsl"

layout(local_size_x = 8) in;
layout(binding = 0) readonly buffer X { float x[]; };            // (N, K, 1, 1) C8
layout(binding = 1) readonly buffer Target { float target[]; };  // as x
layout(binding = 2) writeonly buffer Dx { float dx[]; };         // as x
layout(binding = 3) writeonly buffer Sums { float sums[]; };     // (1, N, 1, 1) raw
layout(push_constant) uniform Push { cross_entropy_parameters p; };

void main() {
  uint n = invocation_index();
  if (n >= p.batch) return;
  uint padded = (p.classes + 7) / 8 * 8, first = n * padded;
  float most = x[first], total = 0.0, wanted = 0.0, along = 0.0;
  for (uint k = 1; k < p.classes; k++) most = max(most, x[first + k]);
  for (uint k = 0; k < p.classes; k++) {
    total += exp(x[first + k] - most);
    wanted += target[first + k];
    along += target[first + k] * (x[first + k] - most);
  }
  sums[n] = wanted * log(total) - along;
  for (uint k = 0; k < padded; k++)
    dx[first + k] = k < p.classes ? p.share * (exp(x[first + k] - most) / total * wanted - target[first + k]) : 0.0;
}
