// upsample.c: cases of images of twice the size.
#include "tests/ops/reference.h"

static tensor *build(graph *graph, const op_case *test, tensor *const *in) {
  (void)test;
  return upsample(graph, in[0]);
}

static void reference(const op_case *test, double *const *in, double *out) {
  const shape s = test->inputs[0].shape, large = {s.n, s.c, 2 * s.h, 2 * s.w};
  for (place p = {0}; p.n < s.n; next_place(large, &p)) out[at_place(large, p)] = in[0][at(s, p.n, p.c, p.y / 2, p.x / 2)];
}

#define UPSAMPLE(title, n, c, h, w) \
  {.name = title, .build = build, .reference = reference, .tolerance = 0, .inputs = {{{n, c, h, w}}}}

static const op_case cases[] = {
    UPSAMPLE("one pixel", 2, 8, 1, 1),
    UPSAMPLE("odd sizes", 3, 5, 3, 7),
    UPSAMPLE("several blocks", 2, 24, 5, 2),
};
CASES(upsample, cases);
