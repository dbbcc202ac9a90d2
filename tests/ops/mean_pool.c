// mean_pool.c: cases of the mean over the image.
#include "tests/ops/reference.h"

static tensor *build(graph *graph, const op_case *test, tensor *const *in) {
  tensor *y = mean_pool(graph, in[0]);
  return test->attribute ? gelu(graph, y) : y;
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

static const op_case cases[] = {
    {.name = "4x4, GELU",
     .build = build,
     .reference = reference,
     .inputs = {{{2, 16, 4, 4}}},
     .attribute = true,
     .tolerance = 1e-6},
    {.name = "odd sizes",
     .build = build,
     .reference = reference,
     .inputs = {{{3, 11, 3, 7}}},
     .tolerance = TOLERANCE_SUM},
};
CASES(mean_pool, cases);
