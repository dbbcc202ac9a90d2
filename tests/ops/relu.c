// relu.c: cases of the ReLU op.
#include "tests/ops/reference.h"

static tensor *build(graph *graph, const op_case *test, tensor *const *in) {
  (void)test;
  return relu(graph, in[0]);
}

static void reference(const op_case *test, double *const *in, double *out) {
  for (size_t i = 0; i < count_of(test->inputs[0].shape); i++) out[i] = in[0][i] > 0 ? in[0][i] : 0;
}

static const op_case cases[] = {
    {.name = "one block", .build = build, .reference = reference, .inputs = {{{1, 8, 2, 2}}}, .tolerance = 0},
    {.name = "odd sizes", .build = build, .reference = reference, .inputs = {{{3, 5, 7, 3}}}, .tolerance = 0},
};
CASES(relu, cases);
