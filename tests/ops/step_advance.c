// step_advance.c: cases of the device's own step counter.
#include "shaders/step.h"
#include "tests/ops/reference.h"

static tensor *build(graph *graph, const op_case *test, tensor *const *in) {
  (void)test;
  return step_advance(graph, in[0]) && step_advance(graph, in[0]) ? in[0] : NULL;
}

static void reference(const op_case *test, double *const *in, double *out) {
  for (int i = 0; i < STEP_WORDS; i++) out[i] = test->words[i] + (i == 0 ? 2 : 0);
  (void)in;
}

static const uint32_t before[STEP_WORDS] = {7, 8, 9, 10, 0, 1, 2, 3};

static const op_case cases[] = {{.name = "twice",
                                 .build = build, .no_gradient = true,
                                 .reference = reference,
                                 .inputs = {{{1, STEP_WORDS, 1, 1}, ROLE_TABLE}},
                                 .words = before,
                                 .word_count = STEP_WORDS,
                                 .tolerance = 0}};
CASES(step_advance, cases);
