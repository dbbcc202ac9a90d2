// train_control.comp: what the optimiser needs to know in this step: the learning rate by its schedule, Adam's
// corrections (Kingma & Ba 2015), the decay of the average, min(ema, (1+t)/(10+t)), and the factor that limits the
// gradient's norm (Pascanu et al. 2013). Keeps the loss for the host and counts the step. A loss,
// gradient, weight or statistic that is not finite is noted, and from then on nothing changes any
// more. One workgroup: the sum of squares of a piece of the gradients or of the weights. The one that arrives last adds these
// up, and its first lane decides.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "shaders/glsl/index.glsl"
#include "shaders/glsl/philox.glsl"
#include "shaders/train_control.h"
#include "shaders/train_state.h"

layout(local_size_x_id = TRAIN_CONTROL_LANES) in;
layout(binding = 0) readonly buffer Gradients { vec4 gradients[]; };       // flat
layout(binding = 1) readonly buffer Weights { vec4 weights[]; };           // flat
layout(binding = 2) coherent buffer Sums { float sums[]; };                // one a piece of the gradients, raw
layout(binding = 3) coherent buffer WeightSums { float weight_sums[]; };   // and of the weights
layout(binding = 4) readonly buffer Loss { float loss[]; };                // (loss_parts) raw
layout(binding = 5) coherent buffer State { uint state[]; };               // TRAIN_WORDS raw
layout(binding = 6) writeonly buffer Ring { float ring[]; };               // (TRAIN_RING) raw
layout(binding = 7) readonly buffer Statistics { vec4 statistics[]; };     // of the batch, flat, after the gradients
layout(push_constant) uniform Push { train_control_parameters p; };

#define ARRIVED state[TRAIN_ARRIVED]
#define ARRIVING gl_NumWorkGroups.x * gl_NumWorkGroups.y
#include "shaders/glsl/arrival.glsl"
#include "shaders/glsl/workgroup_sum.glsl"

uint count_pieces(uint quads) { return (quads + TRAIN_CONTROL_QUADS - 1) / TRAIN_CONTROL_QUADS; }

void sum_piece() {
  uint pieces = count_pieces(p.gradient_quads), i = workgroup_index();
  bool of_weights = i >= pieces;
  uint piece = of_weights ? i - pieces : i, quads = of_weights ? p.weight_quads : p.gradient_quads;
  uint lane = gl_LocalInvocationID.x, first = piece * TRAIN_CONTROL_QUADS, end = min(first + TRAIN_CONTROL_QUADS, quads);
  float sum = 0.0;
  // Loops of which some are empty: a CPU driver walks through both sides of a branch.
  for (uint k = of_weights ? end : first + lane; k < end; k += gl_WorkGroupSize.x) sum += dot(gradients[k], gradients[k]);
  for (uint k = of_weights ? first + lane : end; k < end; k += gl_WorkGroupSize.x) sum += dot(weights[k], weights[k]);
  for (uint k = of_weights ? max(first, p.gradient_quads) + lane : end; k < end; k += gl_WorkGroupSize.x) {
    const vec4 s = statistics[k - p.gradient_quads];
    sum += dot(s, s);
  }
  sum = workgroup_sum(sum);
  if (lane != 0 || first >= quads) return;
  if (of_weights)
    weight_sums[piece] = sum;
  else
    sums[piece] = sum;
}

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

// By one lane.
void decide(float norm, float weight_squares, float loss) {
  uint t = state[TRAIN_STEPS];
  ring[t % TRAIN_RING] = loss;
  bool finite = !isnan(weight_squares) && !isinf(weight_squares) && !isnan(loss) && !isinf(loss) &&
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

// As all lanes call workgroup_sum, the sums come first.
void main() {
  sum_piece();
  if (!arrives_last()) return;
  uint lane = gl_LocalInvocationID.x, pieces = count_pieces(p.gradient_quads);
  uint weight_pieces = count_pieces(p.weight_quads);
  float squares = 0.0, weight_squares = 0.0, sum = 0.0;
  for (uint i = lane; i < pieces; i += gl_WorkGroupSize.x) squares += sums[i];
  for (uint i = lane; i < weight_pieces; i += gl_WorkGroupSize.x) weight_squares += weight_sums[i];
  for (uint i = lane; i < p.loss_parts; i += gl_WorkGroupSize.x) sum += loss[i];
  float norm = sqrt(workgroup_sum(squares)), total = workgroup_sum(sum) * p.loss_share;
  weight_squares = workgroup_sum(weight_squares);
  if (lane == 0) decide(norm, weight_squares, total);
}
