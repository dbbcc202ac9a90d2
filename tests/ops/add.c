// add.c: cases of the scaled sum.
#include "tests/ops/reference.h"

static const float scale = 1 / 1.414f;

static tensor *build(graph *graph, const op_case *test, tensor *const *in) {
  (void)test;
  return add(graph, in[0], in[1], scale);
}

static void reference(const op_case *test, double *const *in, double *out) {
  for (size_t i = 0; i < count_of(test->inputs[0].shape); i++) out[i] = (in[0][i] + in[1][i]) * scale;
}

static const op_case cases[] = {
    {.name = "one block",
     .build = build,
     .reference = reference,
     .inputs = {{{1, 8, 4, 4}}, {{1, 8, 4, 4}}},
     .tolerance = TOLERANCE_ELEMENT},
    {.name = "odd sizes",
     .build = build,
     .reference = reference,
     .inputs = {{{3, 11, 5, 7}}, {{3, 11, 5, 7}}},
     .tolerance = TOLERANCE_ELEMENT},
};
CASES(add, cases);
