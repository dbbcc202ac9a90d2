// linear.c: cases of the fully connected layer.
#include "tests/ops/reference.h"

static tensor *build(graph *graph, const op_case *test, tensor *const *in) {
  tensor *y = linear(graph, in[0], in[1], in[2]);
  return test->attribute ? gelu(graph, y) : y;
}

static void reference(const op_case *test, double *const *in, double *out) {
  shape x = test->inputs[0].shape, w = test->inputs[1].shape;
  for (int n = 0; n < x.n; n++)
    for (int o = 0; o < w.n; o++) {
      double sum = in[2][o];
      for (int i = 0; i < w.c; i++) sum += in[1][o * w.c + i] * in[0][n * x.c + i];
      out[n * w.n + o] = test->attribute ? reference_gelu(sum) : sum;
    }
}

#define LINEAR(title, gelu, n, i, o)                                                                      \
  {                                                                                                       \
    .name = title, .build = build, .reference = reference, .attribute = gelu, .tolerance = TOLERANCE_SUM, \
    .inputs = {{{n, i, 1, 1}}, {{o, i, 1, 1}, LAYOUT_WEIGHT}, {{1, o, 1, 1}}},                            \
  }

static const op_case cases[] = {
    LINEAR("time: 1 to 128, GELU", true, 3, 1, 128), LINEAR("context: 5 to 64", false, 2, 5, 64),
    LINEAR("128 to 128", false, 33, 128, 128),       LINEAR("odd sizes", false, 3, 13, 9),
};
CASES(linear, cases);
