// average_pool.c: cases of 2×2 mean pooling.
#include "tests/ops/reference.h"

static tensor *build(graph *graph, const op_case *test, tensor *const *in) {
  (void)test;
  return average_pool(graph, in[0]);
}

static void reference(const op_case *test, double *const *in, double *out) {
  shape s = test->inputs[0].shape, to = {s.n, s.c, s.h / 2, s.w / 2};
  for (int n = 0; n < to.n; n++)
    for (int c = 0; c < to.c; c++)
      for (int y = 0; y < to.h; y++)
        for (int x = 0; x < to.w; x++)
          out[at(to, n, c, y, x)] = (in[0][at(s, n, c, 2 * y, 2 * x)] + in[0][at(s, n, c, 2 * y, 2 * x + 1)] +
                                     in[0][at(s, n, c, 2 * y + 1, 2 * x)] + in[0][at(s, n, c, 2 * y + 1, 2 * x + 1)]) / 4;
}

static const op_case cases[] = {
    {.name = "two blocks of channels", .build = build, .reference = reference, .inputs = {{{2, 16, 8, 4}}}, .tolerance = TOLERANCE_ELEMENT},
    {.name = "odd sizes", .build = build, .reference = reference, .inputs = {{{3, 5, 6, 10}}}, .tolerance = TOLERANCE_ELEMENT},
};
CASES(average_pool, cases);
