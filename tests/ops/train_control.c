// train_control.c: cases of the norm, the learning rate, Adam's corrections and the loss kept for the host.
#include "shaders/train_control.h"

#include <string.h>

#include "shaders/train_state.h"
#include "tests/ops/reference.h"

enum { RATE_COSINE, RATE_LINEAR, RATE_WARMUP, STATISTICS_OVERFLOW, LOSS, LOSS_OF_MSE };
enum { GRADIENTS = 5000, STATISTICS = 40, STEP = 40, TOTAL = 100 };
static const uint32_t one = 0x3f800000;  // 1.0f
static const uint32_t state_words[TRAIN_WORDS] = {
    [TRAIN_STEPS] = STEP, [TRAIN_TOTAL_STEPS] = TOTAL, [TRAIN_BETA1_POWER] = one, [TRAIN_BETA2_POWER] = one};

static tensor *build(graph *graph, const op_case *test, tensor *const *in) {
  tensor *gradient, *loss = test->attribute == LOSS_OF_MSE ? mse(graph, in[1], in[4], in[5], 0.5f, &gradient) : NULL;
  const train_control_desc desc = {.gradients = in[0],
                                   .weights = test->attribute == STATISTICS_OVERFLOW ? in[4] : in[0],
                                   .statistics = test->attribute == STATISTICS_OVERFLOW ? in[5] : NULL,
                                   .loss = loss ? loss_parts(loss) : in[1],
                                   .loss_share = loss ? loss_share(loss->producer) : 1,
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
  return test->attribute >= LOSS ? in[2] : in[3];
}

static double mean_squared_error(const op_case *test, double *const *in) {
  shape s = test->inputs[1].shape;
  double sum = 0;
  for (int i = 0; i < s.n * s.c; i++) sum += in[5][i / s.c] * (in[1][i] - in[4][i]) * (in[1][i] - in[4][i]);
  return 0.5 * sum / (s.n * s.c);
}

static void reference(const op_case *test, double *const *in, double *out) {
  if (test->attribute >= LOSS) {
    for (int i = 0; i < TRAIN_RING; i++) out[i] = in[2][i];
    out[STEP] = test->attribute == LOSS ? in[1][0] + in[1][1] + in[1][2] + in[1][3] : mean_squared_error(test, in);
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
  if (test->attribute == STATISTICS_OVERFLOW) {  // the step is not taken
    out[TRAIN_FAILED] = STEP + 1;
    out[TRAIN_SKIP] = 1;
    return;
  }
  out[TRAIN_STEPS] = STEP + 1;
  for (size_t i = 0; i < sizeof floats / sizeof *floats; i++) {
    float value = (float)floats[i].value;
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    out[floats[i].word] = bits;
  }
}

#define CONTROL(title, which, error, ...)                                                                     \
  {                                                                                                         \
    .name = title, .build = build, .reference = reference, .attribute = which, .tolerance = error,          \
    .no_gradient = true, .words = state_words, .word_count = TRAIN_WORDS,          \
    .inputs = {{{1, GRADIENTS, 1, 1}, ROLE_TABLE}, __VA_ARGS__},                                            \
  }

#define LOSS_TENSOR {{1, 4, 1, 1}, ROLE_TABLE}
#define RING_AND_STATE {{1, TRAIN_RING, 1, 1}, ROLE_TABLE}, {{1, TRAIN_WORDS, 1, 1}, ROLE_TABLE}

// A rounding of a float moves its word by 1e-9 of it; the norm is a sum of thousands.
static const op_case cases[] = {
    CONTROL("cosine", RATE_COSINE, 5e-8, LOSS_TENSOR, RING_AND_STATE),
    CONTROL("linear", RATE_LINEAR, 5e-8, LOSS_TENSOR, RING_AND_STATE),
    CONTROL("warm-up", RATE_WARMUP, 5e-8, LOSS_TENSOR, RING_AND_STATE),
    CONTROL("statistics that are not finite", STATISTICS_OVERFLOW, 5e-8, LOSS_TENSOR, RING_AND_STATE,
            {{1, GRADIENTS + STATISTICS, 1, 1}, ROLE_TABLE}, {{1, STATISTICS, 1, 1}, ROLE_TABLE, 1e20, 2e20}),
    // One number of the ring's thousand is rounded.
    CONTROL("loss for the host", LOSS, 1e-7, LOSS_TENSOR, RING_AND_STATE),
    CONTROL("loss for the host, of mse", LOSS_OF_MSE, 1e-7, {{9, 16, 1, 1}}, RING_AND_STATE, {{9, 16, 1, 1}},
            {{9, 1, 1, 1}, ROLE_ACTIVATION, 20, 40}),
};
CASES(train_control, cases);
