// batch_norm_fold.c: cases of weights with batch normalisation folded in.
#include "tests/ops/reference.h"

enum { WEIGHT = 0, BIAS = 1 };

static tensor *build(graph *graph, const op_case *test, tensor *const *in) {
  tensor *weight = in[0], *bias = in[1];
  batch_norm_fold(graph, &weight, &bias, in + 2);
  return test->attribute == WEIGHT ? weight : bias;
}

static void reference(const op_case *test, double *const *in, double *out) {
  shape w = test->inputs[0].shape;
  int each = w.c * w.h * w.w;
  for (int o = 0; o < w.n; o++) {
    double scale = in[2][o] / sqrt(in[5][o] + 1e-5);
    if (test->attribute == BIAS) out[o] = scale * (in[1][o] - in[4][o]) + in[3][o];
    for (int i = 0; i < each && test->attribute == WEIGHT; i++) out[o * each + i] = scale * in[0][o * each + i];
  }
}

#define FOLD(title, which, o, c, k)                                                                       \
  {                                                                                                       \
    .name = title, .build = build, .no_gradient = true, .reference = reference, .attribute = which, .tolerance = 1e-6,         \
    .inputs = {{{o, c, k, k}, ROLE_WEIGHT}, {{1, o, 1, 1}}, {{1, o, 1, 1}}, {{1, o, 1, 1}}, {{1, o, 1, 1}}, \
               {{1, o, 1, 1}, ROLE_ACTIVATION, 1e-6, 2e-5}},                                                        \
  }

static const op_case cases[] = {
    FOLD("weight, 3x3", WEIGHT, 16, 24, 3),
    FOLD("bias, 3x3", BIAS, 16, 24, 3),
    FOLD("weight, odd sizes", WEIGHT, 5, 3, 1),
    FOLD("bias, odd sizes", BIAS, 5, 3, 1),
};
CASES(batch_norm_fold, cases);
