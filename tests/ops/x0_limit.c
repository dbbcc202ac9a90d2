// x0_limit.c: cases of dynamic thresholding's limit, against sorting.
#include <stdlib.h>

#include "shaders/sampler_update.h"
#include "tests/ops/reference.h"

typedef struct setting {
  double quantile, most;
  bool guided;
} setting;

static const setting settings[] = {{0.9, 0, false}, {0.5, 0, true}, {1, 0, false}, {0.05, 0, false}, {0.9, 1.5, false}, {0.73, 0, false}};

static tensor *build(graph *graph, const op_case *test, tensor *const *in) {
  return x0_limit(graph, &(sampler_tensors){.x = in[0], .model = in[1], .table = in[2], .step = in[3]},
                  settings[test->attribute].quantile, settings[test->attribute].most);
}

static int by_size(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static void reference(const op_case *test, double *const *in, double *out) {
  const setting *setting = &settings[test->attribute];
  shape s = test->inputs[0].shape;
  const double *row = in[2] + test->words[0] * ROW_WORDS;
  int each = s.c * s.h * s.w, rank = (int)(setting->quantile * (each - 1));
  const double beyond = setting->quantile * (each - 1) - rank;
  double *sizes = calloc((size_t)each, sizeof *sizes);
  for (int n = 0; n < s.n; n++) {
    for (int k = 0; k < each; k++) {
      int i = n * each + k;
      double m = in[1][i], avoid = setting->guided ? in[1][s.n * each + i] : 0;
      if (setting->guided) m = avoid + row[ROW_GUIDANCE] * (m - avoid);
      sizes[k] = fabs(row[ROW_X0_X] * in[0][i] + row[ROW_X0_MODEL] * m);
    }
    qsort(sizes, (size_t)each, sizeof *sizes, by_size);
    out[n] = fmax(1, beyond > 0 ? sizes[rank] + beyond * (sizes[rank + 1] - sizes[rank]) : sizes[rank]);
    if (setting->most > 0) out[n] = fmin(out[n], setting->most);
  }
  free(sizes);
}

static const uint32_t second_step[] = {1, 5, 6, 30};

#define LIMIT(title, which, n, c, h, w) LIMIT_FROM(title, which, n, c, h, w, -9, 9)
#define LIMIT_FROM(title, which, n, c, h, w, low, high)                                                              \
  {                                                                                                                  \
    .name = title, .attribute = which, .build = build, .no_gradient = true, .reference = reference,                  \
    .words = second_step, .tolerance = TOLERANCE_ELEMENT * 2,                                                        \
    .inputs = {{{n, c, h, w}, ROLE_ACTIVATION, low, high}, {{(which) == 1 ? 2 * n : n, c, h, w}, ROLE_ACTIVATION, low, high},    \
               {{3, ROW_WORDS, 1, 1}, ROLE_TABLE}, {{1, 4, 1, 1}, ROLE_TABLE}},                                      \
  }

static const op_case cases[] = {
    LIMIT("nine tenths", 0, 3, 3, 16, 16),
    LIMIT("half, guided", 1, 3, 11, 4, 4),
    LIMIT("the largest", 2, 2, 3, 3, 5),
    LIMIT("none beyond 1", 3, 2, 3, 8, 8),
    LIMIT("as far as it may", 4, 2, 3, 4, 4),
    LIMIT("between two that are far apart", 5, 3, 2, 2, 2),
    LIMIT_FROM("all of the same size", 5, 2, 3, 3, 3, 400, 400),
};
CASES(x0_limit, cases);
