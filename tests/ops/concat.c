// concat.c: cases of concatenation along channels.
#include <string.h>

#include "tests/ops/reference.h"

static tensor *build(graph *graph, const op_case *test, tensor *const *in) {
  (void)test;
  return concat(graph, in[0], in[1]);
}

static void reference(const op_case *test, double *const *in, double *out) {
  size_t a = count_of(test->inputs[0].shape), b = count_of(test->inputs[1].shape), n = (size_t)test->inputs[0].shape.n;
  for (size_t i = 0; i < n; i++) {
    memcpy(out, in[0] + i * (a / n), a / n * sizeof *out);
    memcpy(out + a / n, in[1] + i * (b / n), b / n * sizeof *out);
    out += (a + b) / n;
  }
}

static const op_case cases[] = {
    {.name = "8 and 16 channels",
     .build = build,
     .reference = reference,
     .inputs = {{{2, 8, 4, 4}}, {{2, 16, 4, 4}}},
     .tolerance = 0},
    {.name = "odd sizes",
     .build = build,
     .reference = reference,
     .inputs = {{{3, 24, 3, 7}}, {{3, 5, 3, 7}}},
     .tolerance = 0},
};
CASES(concat, cases);
