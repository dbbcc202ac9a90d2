// train_control.comp: what the optimiser needs to know in this step: the learning rate by its schedule, Adam's
// corrections (Kingma & Ba 2015), the decay of the average, min(ema, (1+t)/(10+t)), and the factor that limits the
// gradient's norm (Pascanu et al. 2013). Keeps the loss for the host and counts the step. A loss,
// gradient, weight or statistic that is not finite is noted, and from then on nothing changes any
// more. One workgroup, whose first lane decides.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "shaders/philox.glsl"
#include "shaders/train_control.h"
#include "shaders/train_state.h"

layout(local_size_x_id = TRAIN_CONTROL_LANES) in;
layout(binding = 0) readonly buffer Sums { float sums[]; };   // pieces, raw
layout(binding = 1) readonly buffer Loss { float loss[]; };   // (1) raw
layout(binding = 2) buffer State { uint state[]; };           // TRAIN_WORDS raw
layout(binding = 3) writeonly buffer Ring { float ring[]; };  // (TRAIN_RING) raw
layout(binding = 4) readonly buffer WeightSums { float weight_sums[]; };  // weight_pieces, raw
layout(push_constant) uniform Push { train_control_parameters p; };

#include "shaders/workgroup_sum.glsl"

float rate_at(float step) {
  float rate = p.learning_rate, progress = min(step / max(float(state[TRAIN_TOTAL_STEPS]), 1.0), 1.0);
  if (p.schedule == 0) {  // ½ + ½·cos(π·progress), the square of the cosine of half of it; drivers' own is too coarse
    float root = progress <= 0.5 ? exact_cos_sin(progress).x : exact_cos_sin(1.0 - progress).y;
    rate *= root * root;
  }
  if (p.schedule == 1) rate *= 1.0 - progress;
  return step < float(p.warmup) ? rate * (step + 1.0) / float(p.warmup) : rate;
}

void set(uint word, float value) { state[word] = floatBitsToUint(value); }

// As all lanes call workgroup_sum, both sums come first.
void main() {
  uint lane = gl_LocalInvocationID.x;
  float squares = 0.0, weight_squares = 0.0;
  for (uint i = lane; i < p.pieces; i += gl_WorkGroupSize.x) squares += sums[i];
  for (uint i = lane; i < p.weight_pieces; i += gl_WorkGroupSize.x) weight_squares += weight_sums[i];
  float norm = sqrt(workgroup_sum(squares));
  weight_squares = workgroup_sum(weight_squares);
  if (lane != 0) return;

  uint t = state[TRAIN_STEPS];
  ring[t % TRAIN_RING] = loss[0];
  bool finite = !isnan(weight_squares) && !isinf(weight_squares) && !isnan(loss[0]) && !isinf(loss[0]) &&
                !isnan(norm) && !isinf(norm);
  if (!finite && state[TRAIN_FAILED] == 0) state[TRAIN_FAILED] = t + 1;
  bool skip = state[TRAIN_FAILED] != 0;
  state[TRAIN_SKIP] = skip ? 1 : 0;
  state[TRAIN_STEPS] += skip ? 0 : 1;
  if (skip) return;

  float power1 = uintBitsToFloat(state[TRAIN_BETA1_POWER]) * p.beta1;
  float power2 = uintBitsToFloat(state[TRAIN_BETA2_POWER]) * p.beta2;
  float rate = rate_at(float(t));
  set(TRAIN_BETA1_POWER, power1);
  set(TRAIN_BETA2_POWER, power2);
  set(TRAIN_RATE, rate / (1.0 - power1));
  set(TRAIN_DECAY, 1.0 - rate * p.weight_decay);
  set(TRAIN_ROOT, 1.0 / sqrt(1.0 - power2));
  set(TRAIN_EMA, min(p.ema, (1.0 + float(t)) / (10.0 + float(t))));
  set(TRAIN_CLIP, p.clip > 0.0 ? min(1.0, p.clip / (norm + 1e-6)) : 1.0);
  set(TRAIN_NORM, norm);
}
