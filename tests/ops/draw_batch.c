// draw_batch.c: cases of the training batch: every output, and the order of the images.
#include "shaders/draw_batch.h"

#include <string.h>

#include "graph/ir/philox.h"
#include "shaders/train_state.h"
#include "tests/ops/reference.h"

enum { X, TARGET, TIME, CONTEXT, WEIGHT, INDEX, ROW };
enum { BATCH = 5, CHANNELS = 3, HEIGHT = 7, WIDTH = 11, COUNT = 7, CONTEXTS = 11, TIMESTEPS = 20, STEP_DRAWS = 10, SHIFT = 2, SLOTS = 8 };

static const uint32_t state_words[TRAIN_WORDS] = {[TRAIN_STEPS] = 3, [TRAIN_BATCH] = 1, [TRAIN_SEED_LOW] = 11, [TRAIN_SEED_HIGH] = 12};

// What the case is about, and the prediction, in one number.
#define ATTRIBUTE(output, prediction) ((output) | (prediction) << 8)
#define APART (1 << 16)  // added: attributes are dropped apart
#define SLOTTED (1 << 17)  // of images that stand where they were put as they were drawn

static tensor *build(graph *graph, const op_case *test, tensor *const *in) {
  draw_batch_tensors out;
  draw_batch(graph,
             &(draw_batch_desc){.pixels = in[0],
                                .contexts = in[1],
                                .noise = in[2],
                                .state = in[3],
                                .begins = in[4],
                                .apart = test->attribute & APART,
                                .drawn_of = test->attribute & SLOTTED ? COUNT : 0,
                                .batch = BATCH,
                                .channels = CHANNELS,
                                .height = HEIGHT,
                                .width = WIDTH,
                                .prediction = (int)(test->attribute >> 8 & 0xff),
                                .shift = SHIFT,
                                .step_draws = STEP_DRAWS,
                                .context_drop = 0.5f,
                                .flip = 0.5f},
             &out);
  tensor *outputs[] = {out.x, out.target, out.time, out.context, out.weight, out.index, out.row};
  return outputs[test->attribute & 0xff];
}

static uint32_t mix_bits(uint32_t x) {
  x = (x ^ x >> 16) * 0x85EBCA6Bu;
  x = (x ^ x >> 13) * 0xC2B2AE35u;
  return x ^ x >> 16;
}

static uint32_t permute(uint32_t i, uint32_t count, uint32_t key) {
  int half_bits = 1;
  while (1u << 2 * half_bits < count) half_bits++;
  uint32_t mask = (1u << half_bits) - 1;
  do {
    uint32_t left = i >> half_bits, right = i & mask;
    for (uint32_t round = 0; round < 4; round++) {
      uint32_t next = left ^ (mix_bits(right ^ mix_bits(key + round * 0x9E3779B9u)) & mask);
      left = right;
      right = next;
    }
    i = left << half_bits | right;
  } while (i >= count);
  return i;
}

// One image of the batch, as the kernel's head describes it.
typedef struct drawn {
  uint32_t image, draw;
  int t, right, down;
  bool drop, mirror;
} drawn;

static drawn draw(int n) {
  uint32_t number = state_words[TRAIN_STEPS] * STEP_DRAWS + BATCH + (uint32_t)n;
  uint64_t seed = (uint64_t)state_words[TRAIN_SEED_HIGH] << 32 | state_words[TRAIN_SEED_LOW];
  uint32_t key = mix_bits((uint32_t)seed ^ mix_bits((uint32_t)(seed >> 32) ^ mix_bits(number / COUNT)));
  philox_block words = philox((philox_block){{0, number, 0, 2}}, seed);
  uint32_t span = 2 * SHIFT + 1;
  return (drawn){.image = permute(number % COUNT, COUNT, key),
                 .draw = number,
                 .t = 1 + (int)((uint64_t)words.words[0] * TIMESTEPS >> 32),
                 .drop = (words.words[1] >> 8) / 16777216.0 < 0.5,
                 .mirror = (words.words[2] >> 8) / 16777216.0 < 0.5,
                 .down = (int)(words.words[3] % span) - SHIFT,
                 .right = (int)(words.words[3] / span % span) - SHIFT};
}

// Where it stands in the data.
static int place_of(const op_case *test, const drawn *d) { return (int)(test->attribute & SLOTTED ? d->draw % SLOTS : d->image); }

static int clamp(int value, int last) { return value < 0 ? 0 : value > last ? last : value; }

static double epsilon_of(const drawn *d, int element) {
  uint64_t seed = (uint64_t)state_words[TRAIN_SEED_HIGH] << 32 | state_words[TRAIN_SEED_LOW];
  philox_block block = philox((philox_block){{(uint32_t)element / 4, d->draw, 0, 1}}, seed);
  return reference_normal(block.words, element % 4);
}

static double image_value(const op_case *test, double *const *in, const drawn *d, int element) {
  int c = element / (HEIGHT * WIDTH), row = element / WIDTH % HEIGHT, column = element % WIDTH;
  row = clamp(row - d->down, HEIGHT - 1);
  column = clamp((d->mirror ? WIDTH - 1 - column : column) - d->right, WIDTH - 1);
  int at = ((place_of(test, d) * HEIGHT + row) * WIDTH + column) * CHANNELS + c;
  float word = (float)in[0][at / 4];
  uint8_t bytes[4];
  memcpy(bytes, &word, 4);
  const double *noise = in[2] + d->t * NOISE_WORDS;
  double x0 = bytes[at % 4] / 127.5 - 1, epsilon = epsilon_of(d, element);
  double targets[] = {epsilon, noise[NOISE_SIGNAL] * epsilon - noise[NOISE_NOISE] * x0, x0, epsilon - x0};
  return (test->attribute & 0xff) == X ? noise[NOISE_SIGNAL] * x0 + noise[NOISE_NOISE] * epsilon
                                       : targets[test->attribute >> 8 & 0xff];
}

static bool drops_attribute(uint32_t attribute, uint32_t draw) {
  uint64_t seed = (uint64_t)state_words[TRAIN_SEED_HIGH] << 32 | state_words[TRAIN_SEED_LOW];
  philox_block words = philox((philox_block){{1 + attribute / 4, draw, 0, 2}}, seed);
  return (words.words[attribute % 4] >> 8) / 16777216.0 < 0.5;
}

static void context_of(const op_case *test, double *const *in, const drawn *d, double *out) {
  uint32_t attribute = 0;
  for (int k = 0; k < CONTEXTS; k++) {
    attribute += k > 0 && in[4][k] > 0;
    bool gone = d->drop || (test->attribute & APART && drops_attribute(attribute, d->draw));
    out[k] = gone ? 0 : in[1][place_of(test, d) * CONTEXTS + k];
  }
}

static void reference(const op_case *test, double *const *in, double *out) {
  int which = (int)(test->attribute & 0xff), each = CHANNELS * HEIGHT * WIDTH;
  for (int n = 0; n < BATCH; n++) {
    drawn d = draw(n);
    const double *noise = in[2] + d.t * NOISE_WORDS;
    for (int e = 0; e < each && which <= TARGET; e++) out[n * each + e] = image_value(test, in, &d, e);
    if (which == CONTEXT) context_of(test, in, &d, out + n * CONTEXTS);
    if (which == TIME) out[n] = noise[NOISE_TIME];
    if (which == WEIGHT) out[n] = noise[NOISE_WEIGHT];
    if (which == INDEX || which == ROW) {
      uint32_t word = which == INDEX ? d.image : (uint32_t)d.t;
      float bits;
      memcpy(&bits, &word, 4);
      out[n] = bits;
    }
  }
}

// Pixels are the bytes of arbitrary floats.
#define DRAW(title, output, prediction, error) DRAW_OF(COUNT, title, output, prediction, error)
#define DRAW_OF(count, title, output, prediction, error)                                                                     \
  {                                                                                                                \
    .name = title, .build = build, .reference = reference, .attribute = ATTRIBUTE(output, prediction),             \
    .tolerance = error, .no_gradient = true, .words = state_words, .word_count = TRAIN_WORDS,                       \
    .inputs = {{{1, count * HEIGHT * WIDTH * CHANNELS / 4 + 1, 1, 1}, ROLE_TABLE},                                    \
               {{count, CONTEXTS, 1, 1}, ROLE_TABLE},                                                              \
               {{TIMESTEPS + 1, NOISE_WORDS, 1, 1}, ROLE_TABLE},                                                   \
               {{1, TRAIN_WORDS, 1, 1}, ROLE_TABLE}, {{1, CONTEXTS, 1, 1}, ROLE_TABLE}},                                                            \
  }

static const op_case cases[] = {
    DRAW("which images", INDEX, 0, 0),      DRAW("x_t", X, 0, 1e-6),
    DRAW("target epsilon", TARGET, 0, 1e-6), DRAW("target v", TARGET, 1, 1e-6),
    DRAW("target x_0", TARGET, 2, 1e-6),     DRAW("target flow", TARGET, 3, 1e-6),
    DRAW("t/T", TIME, 0, 0),
    DRAW("contexts", CONTEXT, 0, 0),         DRAW("weights of the error", WEIGHT, 0, 0),
    DRAW("timesteps", ROW, 0, 0),            DRAW("attributes apart", CONTEXT, APART >> 8, 0),
    DRAW_OF(SLOTS, "x_t of slots", X, SLOTTED >> 8, 1e-6), DRAW_OF(SLOTS, "contexts of slots", CONTEXT, SLOTTED >> 8, 0),
    DRAW_OF(SLOTS, "which images of slots", INDEX, SLOTTED >> 8, 0),
};
CASES(draw_batch, cases);
