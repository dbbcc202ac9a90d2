// adamw.c: cases of the optimiser and the average.
#include "shaders/adamw.h"

#include <string.h>

#include "shaders/train_state.h"
#include "tests/ops/reference.h"

enum { WEIGHTS, GRADIENTS, FIRST, SECOND, AVERAGE, STATE, STATISTICS };
enum { LEARNED = 1000, ALL = 1200, BATCHES = 3 };
static const uint32_t state_words[TRAIN_WORDS] = {[TRAIN_RATE] = 0x3c800000,   // 2^-6
                                                  [TRAIN_DECAY] = 0x3f700000,  // 1 - 2^-4
                                                  [TRAIN_ROOT] = 0x40000000,   // 2
                                                  [TRAIN_EMA] = 0x3f400000,    // 3/4
                                                  [TRAIN_CLIP] = 0x3f000000};  // 1/2

static tensor *build(graph *graph, const op_case *test, tensor *const *in) {
  const adamw_desc desc = {.weights = in[WEIGHTS],
                           .gradients = in[GRADIENTS],
                           .first = in[FIRST],
                           .second = in[SECOND],
                           .average = in[AVERAGE],
                           .state = in[STATE],
                           .statistics = in[STATISTICS],
                           .batches = in[STATISTICS] ? BATCHES : 1,
                           .beta1 = 0.875f,
                           .beta2 = 0.96875f};
  return adamw(graph, &desc) ? in[test->attribute] : NULL;
}

static void reference(const op_case *test, double *const *in, double *out) {
  int count = (int)count_of(test->inputs[test->attribute].shape);
  for (int i = 0; i < count; i++) {
    double w = in[WEIGHTS][i], m = 0, v = 0;
    if (i < LEARNED) {
      double g = in[GRADIENTS][i] * 0.5;
      m = 0.875 * in[FIRST][i] + 0.125 * g;
      v = 0.96875 * in[SECOND][i] + 0.03125 * g * g;
      w = 0.9375 * w - 0.015625 * m / (sqrt(v) * 2 + 1e-8);
    } else {
      w += (1 - 0.9 * 0.9 * 0.9) * (in[STATISTICS][i - LEARNED] / BATCHES - w);
    }
    double results[] = {w, 0, m, v, 0.75 * in[AVERAGE][i] + 0.25 * w};
    out[i] = results[test->attribute];
  }
}

#define ADAMW(title, which, all, ...)                                                                                   \
  {                                                                                                             \
    .name = title, .build = build, .reference = reference, .attribute = which, .tolerance = TOLERANCE_SUM,      \
    .no_gradient = true, .words = state_words, .word_count = TRAIN_WORDS,                                       \
    .inputs = {{{1, all, 1, 1}, ROLE_TABLE}, {{1, LEARNED, 1, 1}, ROLE_TABLE}, {{1, LEARNED, 1, 1}, ROLE_TABLE}, \
               {{1, LEARNED, 1, 1}, ROLE_TABLE, 0.01, 1}, {{1, all, 1, 1}, ROLE_TABLE},                         \
               {{1, TRAIN_WORDS, 1, 1}, ROLE_TABLE}, __VA_ARGS__},                                                          \
  }

#define RUNNING {{1, ALL - LEARNED, 1, 1}, ROLE_TABLE}

static const op_case cases[] = {ADAMW("weights", WEIGHTS, ALL, RUNNING), ADAMW("first moment", FIRST, ALL, RUNNING),
                                ADAMW("second moment", SECOND, ALL, RUNNING), ADAMW("average", AVERAGE, ALL, RUNNING),
                                ADAMW("without statistics", WEIGHTS, LEARNED, {{0}})};
CASES(adamw, cases);
