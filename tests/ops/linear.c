// linear.c: cases of the fully connected layer.
#include "tests/ops/reference.h"

enum { PLAIN, GELU, TWO };

// TWO: the sum of two layers, each after a GELU, which one dispatch makes.
static tensor *build(graph *graph, const op_case *test, tensor *const *in) {
  tensor *y = linear(graph, in[0], in[1], in[2]);
  if (test->attribute == PLAIN) return y;
  y = gelu(graph, y);
  return test->attribute == TWO ? add(graph, y, gelu(graph, linear(graph, in[3], in[4], in[5])), 1) : y;
}

static void reference(const op_case *test, double *const *in, double *out) {
  for (int k = 0; k < (test->attribute == TWO ? 6 : 3); k += 3) {
    shape x = test->inputs[k].shape, w = test->inputs[k + 1].shape;
    for (int n = 0; n < x.n; n++)
      for (int o = 0; o < w.n; o++) {
        double sum = in[k + 2][o];
        for (int i = 0; i < w.c; i++) sum += in[k + 1][o * w.c + i] * in[k][n * x.c + i];
        out[n * w.n + o] = (k ? out[n * w.n + o] : 0) + (test->attribute == PLAIN ? sum : reference_gelu(sum));
      }
  }
}

#define LAYER(n, i, o) {{n, i, 1, 1}}, {{o, i, 1, 1}, ROLE_WEIGHT}, {{1, o, 1, 1}}
#define LINEAR(title, what, ...)                                                                          \
  {                                                                                                       \
    .name = title, .build = build, .reference = reference, .attribute = what, .tolerance = TOLERANCE_SUM, \
    .inputs = {__VA_ARGS__},                                                                              \
  }

static const op_case cases[] = {
    LINEAR("time: 1 to 128, GELU", GELU, LAYER(3, 1, 128)),
    LINEAR("context: 5 to 64", PLAIN, LAYER(2, 5, 64)),
    LINEAR("128 to 128", PLAIN, LAYER(33, 128, 128)),
    LINEAR("odd sizes", PLAIN, LAYER(3, 13, 9)),
    LINEAR("two a dispatch, odd sizes", TWO, LAYER(5, 13, 9), LAYER(5, 3, 9)),
};
CASES(linear, cases);
