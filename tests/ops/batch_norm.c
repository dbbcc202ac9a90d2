// batch_norm.c: cases of batch normalisation, by the batch's and by running statistics. Gradients go through
// batch_norm_backward.
#include <stdlib.h>

#include "tests/ops/reference.h"

enum { RUNNING = 0, TRAIN = 1, GELU = 2, RESIDUAL = 4, SCALE = 8, POOL = 16, BATCH_MEAN = 32, BATCH_VARIANCE = 64, TRAIN_GELU = TRAIN | GELU };

static const float factor = 1 / 1.414f;

static tensor *build(graph *graph, const op_case *test, tensor *const *in) {
  const batch_norm_tensors tensors = {in[1], in[2], in[3], in[4]};
  tensor *y = batch_norm(graph, in[0], &tensors, test->attribute & TRAIN);
  if (test->attribute & GELU) y = gelu(graph, y);
  if (test->attribute & SCALE) y = scale_shift(graph, y, in[5], in[6], NULL);
  if (test->attribute & POOL) y = max_pool(graph, y);
  return test->attribute & RESIDUAL ? add(graph, in[5], y, factor) : y;
}

// Statistics are there in graphs for training alone.
static tensor *build_statistic(graph *graph, const op_case *test, tensor *const *in) {
  graph->train = true;
  tensor *y = build(graph, test, in);
  return y ? y->producer->outputs[test->attribute & BATCH_MEAN ? 3 : 4] : NULL;
}

static void batch_statistics(shape s, const double *x, int c, double *mean, double *variance) {
  double count = (double)s.n * s.h * s.w, sum = 0, squares = 0;
  for (int n = 0; n < s.n; n++)
    for (int i = 0; i < s.h * s.w; i++) sum += x[at(s, n, c, 0, 0) + (size_t)i];
  *mean = sum / count;
  for (int n = 0; n < s.n; n++)
    for (int i = 0; i < s.h * s.w; i++) {
      double d = x[at(s, n, c, 0, 0) + (size_t)i] - *mean;
      squares += d * d;
    }
  *variance = squares / count;
}

static void reference_statistic(const op_case *test, double *const *in, double *out) {
  shape s = test->inputs[0].shape;
  const double count = (double)s.n * s.h * s.w;
  for (int c = 0; c < s.c; c++) {
    double mean, variance;
    batch_statistics(s, in[0], c, &mean, &variance);
    out[c] = test->attribute & BATCH_MEAN ? mean : variance * count / (count - 1);
  }
}

static void reference(const op_case *test, double *const *in, double *out) {
  shape s = test->inputs[0].shape;
  for (int c = 0; c < s.c; c++) {
    double mean = in[3][c], variance = in[4][c];
    if (test->attribute & TRAIN) batch_statistics(s, in[0], c, &mean, &variance);
    for (int n = 0; n < s.n; n++)
      for (int i = 0; i < s.h * s.w; i++) {
        size_t k = at(s, n, c, 0, 0) + (size_t)i;
        double y = in[1][c] * (in[0][k] - mean) / sqrt(variance + 1e-5) + in[2][c];
        if (test->attribute & GELU) y = reference_gelu(y);
        if (test->attribute & SCALE) y = in[5][n * s.c + c] * y + in[6][n * s.c + c];
        out[k] = test->attribute & RESIDUAL ? (in[5][k] + y) * factor : y;
      }
  }
}

static void reference_pooled(const op_case *test, double *const *in, double *out) {
  shape s = test->inputs[0].shape, to = {s.n, s.c, s.h / 2, s.w / 2};
  double *normal = malloc(count_of(s) * sizeof *normal);
  if (!normal) return;
  reference(test, in, normal);
  for (size_t i = 0; i < count_of(to); i++) {
    size_t row = i / (size_t)to.w, first = row * 2 * (size_t)s.w + i % (size_t)to.w * 2, below = first + (size_t)s.w;
    out[i] = fmax(fmax(normal[first], normal[first + 1]), fmax(normal[below], normal[below + 1]));
  }
  free(normal);
}

// x far from zero, so that a variance computed as E[x²] - E[x]² would show. Behind the five inputs: those of what is done
// behind the norm.
#define NORM_AND(title, kind, n, c, h, w, ...)                                                                            \
  {                                                                                                                       \
    .name = title, .build = build, .reference = (kind) & POOL ? reference_pooled : reference, .attribute = kind,          \
    .no_gradient = !((kind) & TRAIN), .tolerance = 2e-5,                                                                  \
    .inputs = {{{n, c, h, w}, ROLE_ACTIVATION, 20, 22}, {{1, c, 1, 1}}, {{1, c, 1, 1}}, {{1, c, 1, 1}, 0, 20, 22},              \
               {{1, c, 1, 1}, 0, 0.5, 2}, __VA_ARGS__},                                                                   \
  }
#define STATISTIC(title, kind, n, c, h, w)                                                                          \
  {                                                                                                                 \
    .name = title, .build = build_statistic, .reference = reference_statistic, .attribute = TRAIN | (kind),         \
    .no_gradient = true, .tolerance = 2e-5,                                                                         \
    .inputs = {{{n, c, h, w}, ROLE_ACTIVATION, 20, 22}, {{1, c, 1, 1}}, {{1, c, 1, 1}}, {{1, c, 1, 1}}, {{1, c, 1, 1}}}, \
  }
#define NORM(title, kind, n, c, h, w) NORM_AND(title, kind, n, c, h, w, {{0}})

// 22 in fp32 has an absolute rounding of 1e-6, against a standard deviation of 0.6.
static const op_case cases[] = {
    NORM("batch statistics", TRAIN, 4, 16, 8, 8),
    NORM("batch statistics, odd sizes", TRAIN, 3, 13, 5, 7),
    NORM("batch statistics, one image", TRAIN, 1, 8, 4, 4),
    NORM("batch statistics, slices of the images", TRAIN, 9, 16, 20, 16),
    NORM("batch statistics, slices of different sizes, GELU", TRAIN_GELU, 11, 9, 16, 13),
    NORM("batch statistics, GELU", TRAIN_GELU, 3, 16, 4, 4),
    NORM_AND("batch statistics, GELU, residual", TRAIN_GELU | RESIDUAL, 3, 12, 5, 4, {{3, 12, 5, 4}}),
    NORM_AND("slices, residual", TRAIN | RESIDUAL, 9, 16, 20, 16, {{9, 16, 20, 16}}),
    NORM_AND("batch statistics, GELU, scaled and shifted by image", TRAIN_GELU | SCALE, 5, 24, 5, 4, {{5, 24, 1, 1}},
             {{5, 24, 1, 1}}),
    NORM_AND("slices of different sizes, scaled and shifted by image", TRAIN_GELU | SCALE, 11, 16, 16, 13, {{11, 16, 1, 1}},
             {{11, 16, 1, 1}}),
    NORM("batch statistics, GELU, pooled", TRAIN_GELU | POOL, 5, 24, 6, 10),
    NORM("batch statistics, pooled, more lanes than squares", TRAIN | POOL, 3, 9, 2, 2),
    NORM("slices of different sizes, pooled", TRAIN_GELU | POOL, 11, 16, 16, 12),
    STATISTIC("mean for the running one", BATCH_MEAN, 3, 13, 5, 7),
    STATISTIC("variance for the running one", BATCH_VARIANCE, 3, 13, 5, 7),
    STATISTIC("mean for the running one, slices", BATCH_MEAN, 9, 16, 20, 16),
    STATISTIC("variance for the running one, slices", BATCH_VARIANCE, 9, 16, 20, 16),
    NORM("running statistics", RUNNING, 2, 24, 4, 4),
    NORM("running statistics, odd sizes", RUNNING, 3, 9, 3, 5),
    NORM_AND("running statistics, GELU, residual", GELU | RESIDUAL, 2, 24, 4, 4, {{2, 24, 4, 4}}),
    // A variance near epsilon, so that epsilon counts.
    {.name = "variance near epsilon",
     .build = build,
     .reference = reference,
     .attribute = TRAIN,
     .inputs = {{{4, 8, 4, 4}, ROLE_ACTIVATION, -0.005, 0.005}, {{1, 8, 1, 1}}, {{1, 8, 1, 1}}, {{1, 8, 1, 1}}, {{1, 8, 1, 1}}},
     .tolerance = TOLERANCE_SUM},
    {.name = "running variance near epsilon",
     .build = build,
     .reference = reference,
     .attribute = RUNNING,
     .no_gradient = true,
     .inputs = {{{2, 8, 4, 4}}, {{1, 8, 1, 1}}, {{1, 8, 1, 1}}, {{1, 8, 1, 1}}, {{1, 8, 1, 1}, ROLE_ACTIVATION, 1e-6, 1e-5}},
     .tolerance = TOLERANCE_SUM},
};
CASES(batch_norm, cases);
