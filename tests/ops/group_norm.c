// group_norm.c: cases of group normalisation with eight groups.
#include "tests/ops/reference.h"

static tensor *build(graph *graph, const op_case *test, tensor *const *in) {
  tensor *y = group_norm(graph, in[0], in[1], in[2]);
  return test->attribute ? relu(graph, y) : y;
}

static void reference(const op_case *test, double *const *in, double *out) {
  shape s = test->inputs[0].shape;
  int members = s.c / 8, count = members * s.h * s.w;
  for (int n = 0; n < s.n; n++)
    for (int g = 0; g < 8; g++) {
      size_t first = at(s, n, g * members, 0, 0);
      double mean = 0, variance = 0;
      for (int i = 0; i < count; i++) mean += in[0][first + (size_t)i] / count;
      for (int i = 0; i < count; i++) {
        double d = in[0][first + (size_t)i] - mean;
        variance += d * d / count;
      }
      for (int i = 0; i < count; i++) {
        int c = g * members + i / (s.h * s.w);
        double y = in[1][c] * (in[0][first + (size_t)i] - mean) / sqrt(variance + 1e-5) + in[2][c];
        out[first + (size_t)i] = test->attribute && y < 0 ? 0 : y;
      }
    }
}

#define NORM(title, relu, n, c, h, w)                                                              \
  {                                                                                                \
    .name = title, .build = build, .reference = reference, .attribute = relu, .tolerance = 2e-5,   \
    .inputs = {{{n, c, h, w}, LAYOUT_C8, 20, 22}, {{1, c, 1, 1}}, {{1, c, 1, 1}}},                 \
  }

// As for batch_norm: values far from zero.
static const op_case cases[] = {
    NORM("one channel a group", false, 2, 8, 4, 4),
    NORM("three channels a group", false, 3, 24, 5, 7),
    NORM("eight channels a group, ReLU", true, 2, 64, 8, 8),
    NORM("sixteen channels a group", false, 2, 128, 4, 4),
    // A variance near epsilon, so that epsilon counts.
    {.name = "variance near epsilon",
     .build = build,
     .reference = reference,
     .inputs = {{{2, 16, 4, 4}, LAYOUT_C8, -0.005, 0.005}, {{1, 16, 1, 1}}, {{1, 16, 1, 1}}},
     .tolerance = TOLERANCE_SUM},
};
CASES(group_norm, cases);
