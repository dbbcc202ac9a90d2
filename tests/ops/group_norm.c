// group_norm.c: cases of group normalisation with eight groups.
#include "tests/ops/reference.h"

// Attribute bits. Inputs: x, gamma, beta, then scale, shift and step of a scale_shift after it.
enum { RELU = 1, SCALED = 2, PER_STEP = 4 };

static tensor *build(graph *graph, const op_case *test, tensor *const *in) {
  tensor *y = group_norm(graph, in[0], in[1], in[2]);
  if (test->attribute & RELU) y = relu(graph, y);
  if (test->attribute & SCALED) y = scale_shift(graph, y, in[3], in[4], test->attribute & PER_STEP ? in[5] : NULL);
  return y;
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
        if (test->attribute & RELU && y < 0) y = 0;
        int row = test->attribute & PER_STEP ? (int)in[5][0] : n;
        if (test->attribute & SCALED) y = in[3][n * s.c + c] * y + in[4][row * s.c + c];
        out[first + (size_t)i] = y;
      }
    }
}

#define NORM(title, relu, n, c, h, w)                                                              \
  {                                                                                                \
    .name = title, .build = build, .reference = reference, .attribute = relu, .tolerance = 2e-5,   \
    .inputs = {{{n, c, h, w}, ROLE_ACTIVATION, 20, 22}, {{1, c, 1, 1}}, {{1, c, 1, 1}}},                 \
  }

static const uint32_t third_step[] = {2, 0, 0, 0};

// As for batch_norm: values far from zero.
static const op_case cases[] = {
    NORM("one channel a group", false, 2, 8, 4, 4),
    NORM("three channels a group", false, 3, 24, 5, 7),
    NORM("eight channels a group, ReLU", true, 2, 64, 8, 8),
    NORM("sixteen channels a group", false, 2, 128, 4, 4),
    {.name = "scaled and shifted by image",
     .build = build,
     .reference = reference,
     .attribute = RELU | SCALED,
     .inputs = {{{3, 24, 4, 4}}, {{1, 24, 1, 1}}, {{1, 24, 1, 1}}, {{3, 24, 1, 1}}, {{3, 24, 1, 1}}},
     .tolerance = 2e-5},
    {.name = "several blocks a workgroup, scaled and shifted by image",
     .build = build,
     .reference = reference,
     .attribute = RELU | SCALED,
     .inputs = {{{2, 24, 5, 7}}, {{1, 24, 1, 1}}, {{1, 24, 1, 1}}, {{2, 24, 1, 1}}, {{2, 24, 1, 1}}},
     .tolerance = 2e-5},
    {.name = "shifted by the current step's row",
     .build = build,
     .reference = reference,
     .attribute = RELU | SCALED | PER_STEP,
     .no_gradient = true,
     .inputs = {{{2, 64, 4, 4}}, {{1, 64, 1, 1}}, {{1, 64, 1, 1}}, {{2, 64, 1, 1}}, {{4, 64, 1, 1}},
                {{1, 4, 1, 1}, ROLE_TABLE}},
     .words = third_step,
     .tolerance = 2e-5},
    // A variance near epsilon, so that epsilon counts.
    {.name = "variance near epsilon",
     .build = build,
     .reference = reference,
     .inputs = {{{2, 16, 4, 4}, ROLE_ACTIVATION, -0.005, 0.005}, {{1, 16, 1, 1}}, {{1, 16, 1, 1}}},
     .tolerance = TOLERANCE_SUM},
};
CASES(group_norm, cases);
