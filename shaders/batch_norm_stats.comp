// batch_norm_stats.comp: mean and biased variance of every channel over the batch, merged from the images' own in order
// (Chan, Golub & LeVeque 1979): with n values so far and P more, δ = mean_new - mean, mean += δ·P/(n+P),
// M2 += M2_new + δ²·n·P/(n+P). With UPDATE the running statistics move a tenth of the way, the variance in its unbiased
// form. One invocation: one channel.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "shaders/batch_norm.h"
#include "shaders/index.glsl"

layout(local_size_x = 8) in;
layout(binding = 0) readonly buffer ImageMean { float image_mean[]; };            // (N, C, 1, 1) C8
layout(binding = 1) readonly buffer ImageDeviation { float image_deviation[]; };  // (N, C, 1, 1) C8
layout(binding = 2) writeonly buffer Mean { float mean[]; };                      // (1, C, 1, 1) C8
layout(binding = 3) writeonly buffer Variance { float variance[]; };              // (1, C, 1, 1) C8
layout(binding = 4) buffer RunningMean { float running_mean[]; };                  // (1, C, 1, 1) C8
layout(binding = 5) buffer RunningVariance { float running_variance[]; };          // (1, C, 1, 1) C8
layout(push_constant) uniform Push { batch_norm_stats_parameters p; };

layout(constant_id = BATCH_NORM_STATS_UPDATE) const uint UPDATE = 0;

void main() {
  uint c = invocation_index();
  if (c >= p.channels) return;
  float m = image_mean[c], m2 = image_deviation[c];
  for (uint n = 1; n < p.batch; n++) {
    uint at = n * p.channels + c;
    float delta = image_mean[at] - m, share = 1.0 / float(n + 1);
    m += delta * share;
    m2 += image_deviation[at] + delta * delta * float(p.pixels) * float(n) * share;
  }
  mean[c] = m;
  float count = float(p.batch * p.pixels);
  variance[c] = m2 / count;
  if (UPDATE != 0) {
    running_mean[c] += 0.1 * (m - running_mean[c]);
    running_variance[c] += 0.1 * (m2 / max(count - 1.0, 1.0) - running_variance[c]);
  }
}
