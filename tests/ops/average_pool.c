// average_pool.c: cases of 2×2 mean pooling.
#include "tests/ops/reference.h"

static tensor *build(graph *graph, const op_case *test, tensor *const *in) {
  (void)test;
  return average_pool(graph, in[0]);
}

static void reference(const op_case *test, double *const *in, double *out) {
  shape s = test->inputs[0].shape, to = {s.n, s.c, s.h / 2, s.w / 2};
  for (place p = {0}; p.n < to.n; next_place(to, &p)) {
    double sum = 0;
    for (int i = 0; i < 4; i++) sum += in[0][at(s, p.n, p.c, 2 * p.y + i / 2, 2 * p.x + i % 2)];
    out[at_place(to, p)] = sum / 4;
  }
}

static const op_case cases[] = {
    {.name = "two blocks of channels", .build = build, .reference = reference, .inputs = {{{2, 16, 8, 4}}}, .tolerance = TOLERANCE_ELEMENT},
    {.name = "odd sizes", .build = build, .reference = reference, .inputs = {{{3, 5, 6, 10}}}, .tolerance = TOLERANCE_ELEMENT},
};
CASES(average_pool, cases);
