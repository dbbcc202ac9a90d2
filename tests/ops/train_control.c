// train_control.c: cases of the norm, the learning rate, Adam's corrections and the loss kept for the host.
#include "shaders/train_control.h"

#include <string.h>

#include "shaders/train_state.h"
#include "tests/ops/reference.h"

enum { RATE_COSINE, RATE_LINEAR, RATE_WARMUP, LOSS };
enum { GRADIENTS = 5000, STEP = 40, TOTAL = 100 };
static const uint32_t one = 0x3f800000;  // 1.0f
static const uint32_t state_words[TRAIN_WORDS] = {
    [TRAIN_STEPS] = STEP, [TRAIN_TOTAL_STEPS] = TOTAL, [TRAIN_BETA1_POWER] = one, [TRAIN_BETA2_POWER] = one};

static tensor *build(graph *graph, const op_case *test, tensor *const *in) {
  const train_control_desc desc = {.gradients = in[0],
                                   .weights = in[0],
                                   .loss = in[1],
                                   .ring = in[2],
                                   .state = in[3],
                                   .schedule = test->attribute == RATE_LINEAR,
                                   .warmup = test->attribute == RATE_WARMUP ? 80 : 0,
                                   .learning_rate = 0.25f,
                                   .weight_decay = 0.5f,
                                   .ema = 0.75f,
                                   .clip = 2,
                                   .beta1 = 0.875f,
                                   .beta2 = 0.96875f};
  if (!train_control(graph, &desc)) return NULL;
  return test->attribute == LOSS ? in[2] : in[3];
}

static void reference(const op_case *test, double *const *in, double *out) {
  if (test->attribute == LOSS) {
    for (int i = 0; i < TRAIN_RING; i++) out[i] = i == STEP ? in[1][0] : in[2][i];
    return;
  }
  double squares = 0, progress = (double)STEP / TOTAL;
  for (int i = 0; i < GRADIENTS; i++) squares += in[0][i] * in[0][i];
  double rate = 0.25 * (test->attribute == RATE_LINEAR ? 1 - progress : 0.5 + 0.5 * cos(3.14159265358979 * progress));
  if (test->attribute == RATE_WARMUP) rate *= (STEP + 1) / 80.0;
  double norm = sqrt(squares);
  const struct {
    int word;
    double value;
  } floats[] = {{TRAIN_BETA1_POWER, 0.875},
                {TRAIN_BETA2_POWER, 0.96875},
                {TRAIN_RATE, rate / (1 - 0.875)},
                {TRAIN_DECAY, 1 - rate * 0.5},
                {TRAIN_ROOT, 1 / sqrt(1 - 0.96875)},
                {TRAIN_EMA, 0.75},
                {TRAIN_CLIP, 2 / (norm + 1e-6)},
                {TRAIN_NORM, norm}};
  // The state is compared as words: a float's rounding moves its word by a little, 1e-7 of it.
  for (int i = 0; i < TRAIN_WORDS; i++) out[i] = state_words[i];
  out[TRAIN_STEPS] = STEP + 1;
  for (size_t i = 0; i < sizeof floats / sizeof *floats; i++) {
    float value = (float)floats[i].value;
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    out[floats[i].word] = bits;
  }
}

#define CONTROL(title, which, error)                                                                        \
  {                                                                                                         \
    .name = title, .build = build, .reference = reference, .attribute = which, .tolerance = error,          \
    .no_gradient = true, .words = state_words, .word_count = TRAIN_WORDS,          \
    .inputs = {{{1, GRADIENTS, 1, 1}, LAYOUT_RAW}, {{1, 4, 1, 1}, LAYOUT_RAW}, {{1, TRAIN_RING, 1, 1}, LAYOUT_RAW}, \
               {{1, TRAIN_WORDS, 1, 1}, LAYOUT_RAW}},                                                       \
  }

// A rounding of a float moves its word by 1e-9 of it; the norm is a sum of thousands.
static const op_case cases[] = {
    CONTROL("cosine", RATE_COSINE, 5e-8),
    CONTROL("linear", RATE_LINEAR, 5e-8),
    CONTROL("warm-up", RATE_WARMUP, 5e-8),
    CONTROL("loss for the host", LOSS, 0),
};
CASES(train_control, cases);
