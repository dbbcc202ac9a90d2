// draw_batch.comp: one training batch from the data on the device. Draw d, counted over the whole training, takes image
// permute(d mod count) of epoch d / count, so that every image comes once an epoch; mirrors and shifts it, draws
// t in 1 … T and noise ε, and writes x_t = √ᾱ·x_0 + √(1-ᾱ)·ε, the target ε, √ᾱ·ε - √(1-ᾱ)·x_0, x_0 or ε - x_0, t/T, the context
// or zeros, and the weight of the squared error. One invocation: four neighbouring elements; channels of
// the padding are zeros.
//
// Contexts: with probability p all of one is dropped. Of several attributes each that is left then is dropped with probability p
// too, by the draw of its own number, so that each is learned with and without the others; one attribute draws nothing more.
//
// Pixels and contexts are all images in their order, or, where that is more than the device binds or has room for, `slots` of them, a
// power of two, in which the host has put the image of draw d at place d mod slots.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "shaders/draw_batch.h"
#include "shaders/glsl/fours.glsl"
#include "shaders/glsl/index.glsl"
#include "shaders/glsl/philox.glsl"
#include "shaders/permutation.h"
#include "shaders/train_state.h"

layout(local_size_x = PLAIN_LOCAL_SIZE) in;
layout(binding = 0) readonly buffer Pixels { uint pixels[]; };       // (count or slots, H, W, C) bytes, four a word
layout(binding = 1) readonly buffer Contexts { float contexts[]; };  // (count or slots, K) raw
layout(binding = 2) readonly buffer Noise { float noise[]; };        // (T + 1, NOISE_WORDS) raw
layout(binding = 3) readonly buffer State { uint state[]; };         // TRAIN_WORDS raw
layout(binding = 4) writeonly buffer X { float x[]; };               // (N, C, H, W) C8
layout(binding = 5) writeonly buffer Target { float target[]; };     // as x
layout(binding = 6) writeonly buffer Time { float time[]; };         // (N, 1, 1, 1) C8
layout(binding = 7) writeonly buffer Context { float context[]; };   // (N, K, 1, 1) C8
layout(binding = 8) writeonly buffer Weight { float weight[]; };     // (N, 1, 1, 1) C8
layout(binding = 9) writeonly buffer Index { uint index[]; };        // (N) raw: which image was taken
layout(binding = 10) writeonly buffer Row { uint row[]; };           // (N) raw: t, the row of the noise table
layout(binding = 11) readonly buffer Begins { float begins[]; };     // (K) raw: above 0 where another attribute begins
layout(push_constant) uniform Push { draw_batch_parameters p; };

float unit(uint word) { return float(word >> 8) * (1.0 / 16777216.0); }

float pixel_at(uint place, int row, int column, uint c) {
  uint y = uint(clamp(row, 0, int(p.height) - 1)), x = uint(clamp(column, 0, int(p.width) - 1));
  uint at = ((place * p.height + y) * p.width + x) * p.channels + c;
  return float(pixels[at / 4] >> (at % 4 * 8) & 255u) / 127.5 - 1.0;
}

bool drops_attribute(uint which, uint draw, uvec2 key) {
  return unit(philox(uvec4(1 + which / 4, draw, 0, STREAM_TRAIN_DRAW), key)[which % 4]) < p.context_drop;
}

void write_context(uint n, uint place, bool drop, uint draw, uvec2 key) {
  uint padded = (p.contexts + 7) / 8 * 8, which = 0;
  bool gone = drop || (p.apart != 0 && drops_attribute(0, draw, key));
  for (uint k = 0; k < padded; k++) {
    if (!drop && p.apart != 0 && k > 0 && k < p.contexts && begins[k] > 0.0) gone = drops_attribute(++which, draw, key);
    context[n * padded + k] = k < p.contexts && !gone ? contexts[place * p.contexts + k] : 0.0;
  }
}

// What belongs to the image as a whole, its context aside.
void write_image(uint n, uint image, uint t) {
  for (uint k = 0; k < 8; k++) {
    time[n * 8 + k] = k == 0 ? noise[t * NOISE_WORDS + NOISE_TIME] : 0.0;
    weight[n * 8 + k] = k == 0 ? noise[t * NOISE_WORDS + NOISE_WEIGHT] : 0.0;
  }
  index[n] = image;
  row[n] = t;
}

void main() {
  uint i = invocation_index();
  uint area = p.height * p.width, blocks = (p.channels + 7) / 8, fours = blocks * 2 * area;
  if (i >= p.batch * fours) return;
  uint four = i % fours, n = i / fours, elements = p.channels * area;
  uint draw = state[TRAIN_STEPS] * p.step_draws + state[TRAIN_BATCH] * p.batch + n;
  uvec2 key = uvec2(state[TRAIN_SEED_LOW], state[TRAIN_SEED_HIGH]);
  uint image = image_of_draw(draw, p.count, key.x, key.y), place = p.slots == 0 ? image : draw % p.slots;
  uvec4 words = philox(uvec4(0, draw, 0, STREAM_TRAIN_DRAW), key);
  uint t, low;
  umulExtended(words.x, p.timesteps, t, low);
  t += 1;
  if (four == 0) {
    write_image(n, image, t);
    write_context(n, place, unit(words.y) < p.context_drop, draw, key);
  }

  bool mirror = unit(words.z) < p.flip;
  int span = int(p.shift) * 2 + 1, down = int(words.w % uint(span)) - int(p.shift);
  int right = int(words.w / uint(span) % uint(span)) - int(p.shift);
  vec4 epsilon = vec4(0.0);
  if (four * 4 < elements) epsilon = philox_normal(uvec4(four, draw, 0, STREAM_TRAIN_NOISE), key);
  float signal = noise[t * NOISE_WORDS + NOISE_SIGNAL], level = noise[t * NOISE_WORDS + NOISE_NOISE];
  for (uint k = 0; k < 4; k++) {
    uint e = four * 4 + k, to = place_of(n, e, area, blocks);
    if (e >= elements) {
      x[to] = target[to] = 0.0;
      continue;
    }
    int row = int(e % area / p.width), column = int(e % p.width);
    float x0 = pixel_at(place, row - down, (mirror ? int(p.width) - 1 - column : column) - right, e / area);
    x[to] = signal * x0 + level * epsilon[k];
    target[to] = p.target == 0 ? epsilon[k] : p.target == 1 ? signal * epsilon[k] - level * x0 : p.target == 2 ? x0 : epsilon[k] - x0;
  }
}
