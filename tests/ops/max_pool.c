// max_pool.c: cases of 2×2 max pooling.
#include "tests/ops/reference.h"

static tensor *build(graph *graph, const op_case *test, tensor *const *in) {
  (void)test;
  return max_pool(graph, in[0]);
}

static void reference(const op_case *test, double *const *in, double *out) {
  shape s = test->inputs[0].shape, to = {s.n, s.c, s.h / 2, s.w / 2};
  for (int n = 0; n < to.n; n++)
    for (int c = 0; c < to.c; c++)
      for (int y = 0; y < to.h; y++)
        for (int x = 0; x < to.w; x++) {
          double top = fmax(in[0][at(s, n, c, 2 * y, 2 * x)], in[0][at(s, n, c, 2 * y, 2 * x + 1)]);
          double bottom = fmax(in[0][at(s, n, c, 2 * y + 1, 2 * x)], in[0][at(s, n, c, 2 * y + 1, 2 * x + 1)]);
          out[at(to, n, c, y, x)] = fmax(top, bottom);
        }
}

static const op_case cases[] = {
    {.name = "16x16", .build = build, .reference = reference, .inputs = {{{2, 16, 16, 16}}}, .tolerance = 0},
    {.name = "odd sizes", .build = build, .reference = reference, .inputs = {{{3, 5, 6, 14}}}, .tolerance = 0},
};
CASES(max_pool, cases);
