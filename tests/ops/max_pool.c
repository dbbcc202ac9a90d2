// max_pool.c: cases of 2×2 max pooling.
#include <stdlib.h>

#include "tests/ops/reference.h"

enum { ALONE, BESIDE_MEAN, MEAN };  // a mean behind it may become the same kernel's second output

static tensor *build(graph *graph, const op_case *test, tensor *const *in) {
  tensor *y = max_pool(graph, in[0]), *mean = NULL;
  if (test->attribute != ALONE) mean = gelu(graph, mean_pool(graph, y));
  return test->attribute == MEAN ? mean : y;
}

static void reference(const op_case *test, double *const *in, double *out) {
  shape s = test->inputs[0].shape, to = {s.n, s.c, s.h / 2, s.w / 2};
  for (int n = 0; n < to.n; n++)
    for (int c = 0; c < to.c; c++)
      for (int y = 0; y < to.h; y++)
        for (int x = 0; x < to.w; x++) {
          double top = fmax(in[0][at(s, n, c, 2 * y, 2 * x)], in[0][at(s, n, c, 2 * y, 2 * x + 1)]);
          double bottom = fmax(in[0][at(s, n, c, 2 * y + 1, 2 * x)], in[0][at(s, n, c, 2 * y + 1, 2 * x + 1)]);
          out[at(to, n, c, y, x)] = fmax(top, bottom);
        }
}

static void reference_mean(const op_case *test, double *const *in, double *out) {
  shape s = test->inputs[0].shape;
  size_t pixels = (size_t)(s.h / 2) * (size_t)(s.w / 2), vectors = (size_t)s.n * (size_t)s.c;
  double *pooled = malloc(vectors * pixels * sizeof *pooled);
  if (!pooled) return;
  reference(test, in, pooled);
  for (size_t i = 0; i < vectors; i++) {
    double sum = 0;
    for (size_t k = 0; k < pixels; k++) sum += pooled[i * pixels + k];
    out[i] = reference_gelu(sum / (double)pixels);
  }
  free(pooled);
}

static const op_case cases[] = {
    {.name = "16x16", .build = build, .reference = reference, .inputs = {{{2, 16, 16, 16}}}, .tolerance = 0},
    {.name = "odd sizes", .build = build, .reference = reference, .inputs = {{{3, 5, 6, 14}}}, .tolerance = 0},
    {.name = "with a mean behind it",
     .build = build,
     .reference = reference,
     .attribute = BESIDE_MEAN,
     .inputs = {{{3, 24, 6, 10}}},
     .tolerance = 0},
    {.name = "the mean behind it",
     .build = build,
     .reference = reference_mean,
     .attribute = MEAN,
     .inputs = {{{3, 24, 6, 10}}},
     .tolerance = TOLERANCE_SUM},
};
CASES(max_pool, cases);
