// channel_sum.c: cases of the sum over images and pixels.
#include "tests/ops/reference.h"

static tensor *build(graph *graph, const op_case *test, tensor *const *in) {
  (void)test;
  return channel_sum(graph, in[0]);
}

static void reference(const op_case *test, double *const *in, double *out) {
  shape s = test->inputs[0].shape;
  for (int n = 0; n < s.n; n++)
    for (int c = 0; c < s.c; c++)
      for (int i = 0; i < s.h * s.w; i++) out[c] += in[0][at(s, n, c, 0, i)];
}

#define SUM(title, ...)                                                                             \
  {                                                                                                 \
    .name = title, .build = build, .reference = reference, .inputs = {{{__VA_ARGS__}}}, .tolerance = TOLERANCE_SUM, \
    .no_gradient = true                                                                             \
  }

static const op_case cases[] = {
    SUM("16x16 as in the network", 4, 32, 16, 16),
    SUM("odd sizes", 3, 5, 7, 3),
    SUM("one image, one pixel", 1, 24, 1, 1),
    SUM("more images than pixels", 37, 8, 2, 2),
    SUM("more pixels than invocations", 2, 11, 31, 29),
};
CASES(channel_sum, cases);
