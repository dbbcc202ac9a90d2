// combine_batch.c: cases of batches added up by the step's factors.
#include "shaders/step.h"

#include "tests/ops/reference.h"

enum { ROWS = 4, ROW = 2 };

static const uint32_t step_words[STEP_WORDS] = {[STEP_INDEX] = ROW};

static tensor *build(graph *graph, const op_case *test, tensor *const *in) {
  (void)test;
  return combine_batch(graph, in[0], in[1], in[2]);
}

static void reference(const op_case *test, double *const *in, double *out) {
  const int terms = test->inputs[1].shape.c;
  const size_t count = count_of(test->inputs[0].shape) / (size_t)terms;
  for (size_t i = 0; i < count; i++) {
    out[i] = 0;
    for (int k = 0; k < terms; k++) out[i] += in[1][ROW * terms + k] * in[0][(size_t)k * count + i];
  }
}

#define CASE(title, terms, n, c, h, w)                                                                                  \
  {                                                                                                                     \
    .name = title, .build = build, .no_gradient = true, .reference = reference, .words = step_words,                   \
    .word_count = STEP_WORDS, .tolerance = 1e-6,                                                                        \
    .inputs = {{{(terms) * (n), c, h, w}}, {{ROWS, terms, 1, 1}, ROLE_TABLE}, {{1, STEP_WORDS, 1, 1}, ROLE_TABLE}},     \
  }

static const op_case cases[] = {
    CASE("one batch", 1, 2, 3, 4, 4),
    CASE("three batches", 3, 3, 3, 8, 8),
    CASE("five batches, odd sizes", 5, 2, 11, 3, 5),
};
CASES(combine_batch, cases);
