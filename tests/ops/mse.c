// mse.c: cases of the weighted mean squared error and its gradient.
#include "tests/ops/reference.h"

static const float scale = 0.5f;
enum { LOSS = 0, GRADIENT = 1 };

static tensor *build(graph *graph, const op_case *test, tensor *const *in) {
  tensor *gradient = NULL, *loss = mse(graph, in[0], in[1], in[2], scale, &gradient);
  return test->attribute == LOSS ? loss : gradient;
}

static void reference(const op_case *test, double *const *in, double *out) {
  shape s = test->inputs[0].shape;
  size_t count = count_of(s), each = count / (size_t)s.n;
  for (size_t i = 0; i < count; i++) {
    double d = in[0][i] - in[1][i], weight = in[2][i / each];
    if (test->attribute == LOSS)
      out[0] += scale * weight * d * d / (double)count;
    else
      out[i] = 2 * scale * weight * d / (double)count;
  }
}

#define MSE(title, which, n, c, h, w)                                                                        \
  {                                                                                                          \
    .name = title, .build = build, .reference = reference, .attribute = which, .tolerance = TOLERANCE_SUM,   \
    .no_gradient = true, .inputs = {{{n, c, h, w}}, {{n, c, h, w}}, {{n, 1, 1, 1}, ROLE_ACTIVATION, 0.5, 2}},      \
  }

static const op_case cases[] = {
    MSE("loss", LOSS, 4, 3, 16, 16),
    MSE("gradient", GRADIENT, 4, 3, 16, 16),
    MSE("loss, odd sizes", LOSS, 9, 11, 3, 5),
    MSE("gradient, odd sizes", GRADIENT, 9, 11, 3, 5),
};
CASES(mse, cases);
