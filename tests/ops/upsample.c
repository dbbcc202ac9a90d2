// upsample.c: cases of images of twice the size.
#include "tests/ops/reference.h"

static tensor *build(graph *graph, const op_case *test, tensor *const *in) {
  (void)test;
  return upsample(graph, in[0]);
}

static void reference(const op_case *test, double *const *in, double *out) {
  const shape s = test->inputs[0].shape, large = {s.n, s.c, 2 * s.h, 2 * s.w};
  for (int n = 0; n < s.n; n++)
    for (int c = 0; c < s.c; c++)
      for (int y = 0; y < large.h; y++)
        for (int x = 0; x < large.w; x++) out[at(large, n, c, y, x)] = in[0][at(s, n, c, y / 2, x / 2)];
}

#define UPSAMPLE(title, n, c, h, w) \
  {.name = title, .build = build, .reference = reference, .tolerance = 0, .inputs = {{{n, c, h, w}}}}

static const op_case cases[] = {
    UPSAMPLE("one pixel", 2, 8, 1, 1),
    UPSAMPLE("odd sizes", 3, 5, 3, 7),
    UPSAMPLE("several blocks", 2, 24, 5, 2),
};
CASES(upsample, cases);
