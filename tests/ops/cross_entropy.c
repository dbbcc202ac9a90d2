// cross_entropy.c: cases of the classification loss and its gradient.
#include "tests/ops/reference.h"

static const float scale = 0.5f;
enum { LOSS = 0, GRADIENT = 1 };

static tensor *build(graph *graph, const op_case *test, tensor *const *in) {
  tensor *gradient = NULL, *loss = cross_entropy(graph, in[0], in[1], scale, &gradient);
  return test->attribute == LOSS ? loss : gradient;
}

static void reference(const op_case *test, double *const *in, double *out) {
  int count = test->inputs[0].shape.n, classes = test->inputs[0].shape.c;
  for (int n = 0; n < count; n++) {
    const double *x = in[0] + n * classes, *target = in[1] + n * classes;
    double total = 0, wanted = 0;
    for (int k = 0; k < classes; k++) total += exp(x[k]), wanted += target[k];
    for (int k = 0; k < classes; k++) {
      if (test->attribute == LOSS)
        out[0] -= scale / count * target[k] * (x[k] - log(total));
      else
        out[n * classes + k] = scale / count * (wanted * exp(x[k]) / total - target[k]);
    }
  }
}

#define CROSS_ENTROPY(title, which, n, k, size)                                                                        \
  {                                                                                                                    \
    .name = title, .build = build, .reference = reference, .attribute = which, .tolerance = TOLERANCE_SUM,             \
    .no_gradient = true, .inputs = {{{n, k, 1, 1}, ROLE_ACTIVATION, -(size), size}, {{n, k, 1, 1}, ROLE_ACTIVATION, 0, 1}},        \
  }

static const op_case cases[] = {
    CROSS_ENTROPY("loss", LOSS, 64, 5, 3),
    CROSS_ENTROPY("gradient", GRADIENT, 64, 5, 3),
    CROSS_ENTROPY("loss, two classes", LOSS, 3, 2, 3),
    CROSS_ENTROPY("loss, odd sizes, far apart", LOSS, 9, 19, 80),
    CROSS_ENTROPY("gradient, odd sizes, far apart", GRADIENT, 9, 19, 80),
};
CASES(cross_entropy, cases);
