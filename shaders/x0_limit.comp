// x0_limit.comp: the limit of dynamic thresholding (Saharia et al. 2022, Imagen, section 2.3):
// limit = max(1, q), and `most` at most, q = a + `beyond` · (b - a), a and b the elements `rank` and `rank` + 1 of |x_0| over an image,
// from 0, by size. a is found bit by bit: floats that are not negative are ordered as their words are. One workgroup: one image.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "shaders/sampler_update.h"
#include "shaders/step.h"
#include "shaders/x0_limit.h"

layout(local_size_x = PLAIN_LOCAL_SIZE) in;
layout(binding = 0) readonly buffer X { float x[]; };             // (N, C, H, W) C8
layout(binding = 1) readonly buffer Model { float model[]; };     // as x; guided (2N, C, H, W)
layout(binding = 2) readonly buffer Table { float table[]; };     // (steps, ROW_WORDS) raw
layout(binding = 3) readonly buffer Step { uint step_words[]; };  // STEP_WORDS, raw
layout(binding = 4) writeonly buffer Limit { float limit[]; };    // (N) raw
layout(push_constant) uniform Push { x0_limit_parameters p; };

layout(constant_id = X0_LIMIT_GUIDED) const uint GUIDED = 0;

shared uint covered, following;

// |x_0| of element i of image n.
float size_of(uint n, uint i, uint row) {
  uint blocks = (p.channels + 7) / 8, c = i / p.pixels;
  uint at = ((n * blocks + c / 8) * p.pixels + i % p.pixels) * 8 + c % 8, avoided = p.batch * blocks * p.pixels * 8;
  precise float m = model[at];
  if (GUIDED != 0) m = model[avoided + at] + table[row + ROW_GUIDANCE] * (m - model[avoided + at]);
  m = table[row + ROW_X0_X] * x[at] + table[row + ROW_X0_MODEL] * m;
  return abs(m);
}

void main() {
  uint n = gl_WorkGroupID.x, row = step_words[STEP_INDEX] * ROW_WORDS, found = 0u;
  for (int bit = 30; bit >= 0; bit--) {
    if (gl_LocalInvocationIndex == 0u) covered = 0u;
    barrier();
    uint candidate = found | ((1u << bit) - 1u), count = 0u;
    for (uint i = gl_LocalInvocationIndex; i < p.channels * p.pixels; i += PLAIN_LOCAL_SIZE)
      if (floatBitsToUint(size_of(n, i, row)) <= candidate) count++;
    atomicAdd(covered, count);
    barrier();
    if (covered <= p.rank) found |= 1u << bit;
    barrier();
  }
  // The next one is as large, or the smallest that is larger.
  if (gl_LocalInvocationIndex == 0u) covered = 0u, following = 0xFFFFFFFFu;
  barrier();
  uint count = 0u, next = 0xFFFFFFFFu;
  for (uint i = gl_LocalInvocationIndex; i < p.channels * p.pixels; i += PLAIN_LOCAL_SIZE) {
    uint word = floatBitsToUint(size_of(n, i, row));
    if (word <= found)
      count++;
    else
      next = min(next, word);
  }
  atomicAdd(covered, count);
  atomicMin(following, next);
  barrier();
  if (gl_LocalInvocationIndex != 0u) return;
  float a = uintBitsToFloat(found), b = covered > p.rank + 1u || p.beyond == 0.0 ? a : uintBitsToFloat(following);
  float reached = max(1.0, a + p.beyond * (b - a));
  limit[n] = p.most > 0.0 ? min(reached, p.most) : reached;
}
