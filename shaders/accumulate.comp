// accumulate.comp: what one more batch of a step gives, merged with what those before it gave like the bits of a counter: level k
// holds a sum over 2^k batches, s = batch; for the lowest levels that are full, from 0 on, s = level[k] + s, and s goes to the first
// that is empty. The last batch of the step takes in all levels, and its sum goes back to the exchange. So the sum is that of pairs,
// pairs of pairs and so on, ((0 + 1) + (2 + 3)) + 4. The batch's number, whose bits say which levels are full, is counted here.
// One invocation: four numbers.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "shaders/accumulate.h"
#include "shaders/glsl/index.glsl"
#include "shaders/train_state.h"

layout(local_size_x = PLAIN_LOCAL_SIZE) in;
layout(binding = 0) coherent buffer State { uint state[]; };   // TRAIN_WORDS raw
layout(binding = 1) buffer Exchange { vec4 exchange[]; };      // flat
layout(binding = 2) buffer Level0 { vec4 level0[]; };          // this and the next: as exchange
layout(binding = 3) buffer Level1 { vec4 level1[]; };
layout(binding = 4) buffer Level2 { vec4 level2[]; };
layout(binding = 5) buffer Level3 { vec4 level3[]; };
layout(binding = 6) buffer Level4 { vec4 level4[]; };
layout(binding = 7) buffer Level5 { vec4 level5[]; };
layout(push_constant) uniform Push { accumulate_parameters p; };

#define ARRIVED state[TRAIN_ARRIVED]
#define ARRIVING gl_NumWorkGroups.x * gl_NumWorkGroups.y
#include "shaders/glsl/arrival.glsl"

// A level: taken in where `full` has its bit, written where it is the one for the sum.
#define LEVEL(k, level) \
  if ((full >> k & 1) != 0) sum = level[i] + sum; \
  if (to == k) level[i] = sum;

void merge(uint i, uint full, uint to) {
  vec4 sum = exchange[i];
  LEVEL(0, level0)
  LEVEL(1, level1)
  LEVEL(2, level2)
  LEVEL(3, level3)
  LEVEL(4, level4)
  LEVEL(5, level5)
  if (to == TRAIN_LEVELS) exchange[i] = sum;
}

void main() {
  uint batch = state[TRAIN_BATCH], i = invocation_index();
  bool last = batch + 1 == p.batches;
  uint full = last ? batch : batch & ~(batch + 1), to = last ? TRAIN_LEVELS : bitCount(full);
  if (i < p.quads) merge(i, full, to);
  if (arrives_last() && gl_LocalInvocationID.x == 0) state[TRAIN_BATCH] = last ? 0 : batch + 1;
}
