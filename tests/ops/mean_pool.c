// mean_pool.c: cases of the mean over the image.
#include "tests/ops/reference.h"

enum { PLAIN, GELU, BESIDE };  // BESIDE: x has another gradient, too

static tensor *build(graph *graph, const op_case *test, tensor *const *in) {
  tensor *y = mean_pool(graph, in[0]);
  if (test->attribute != PLAIN) y = gelu(graph, y);
  return test->attribute == BESIDE ? scale_shift(graph, in[0], y, in[1], NULL) : y;
}

static void reference(const op_case *test, double *const *in, double *out) {
  shape s = test->inputs[0].shape;
  int pixels = s.h * s.w;
  for (int i = 0; i < s.n * s.c; i++) {
    double sum = 0;
    for (int k = 0; k < pixels; k++) sum += in[0][(size_t)i * (size_t)pixels + (size_t)k];
    out[i] = test->attribute ? reference_gelu(sum / pixels) : sum / pixels;
  }
}

static void reference_beside(const op_case *test, double *const *in, double *out) {
  shape s = test->inputs[0].shape;
  int pixels = s.h * s.w;
  for (int i = 0; i < s.n * s.c; i++) {
    const double *x = in[0] + (size_t)i * (size_t)pixels;
    double sum = 0;
    for (int k = 0; k < pixels; k++) sum += x[k];
    for (int k = 0; k < pixels; k++)
      out[(size_t)i * (size_t)pixels + (size_t)k] = reference_gelu(sum / pixels) * x[k] + in[1][i];
  }
}

static const op_case cases[] = {
    {.name = "4x4, GELU",
     .build = build,
     .reference = reference,
     .inputs = {{{2, 16, 4, 4}}},
     .attribute = GELU,
     .tolerance = 1e-6},
    {.name = "beside another use of x",
     .build = build,
     .reference = reference_beside,
     .inputs = {{{3, 24, 5, 3}}, {{3, 24, 1, 1}}},
     .attribute = BESIDE,
     .tolerance = TOLERANCE_SUM},
    {.name = "odd sizes",
     .build = build,
     .reference = reference,
     .inputs = {{{3, 11, 3, 7}}},
     .tolerance = TOLERANCE_SUM},
};
CASES(mean_pool, cases);
