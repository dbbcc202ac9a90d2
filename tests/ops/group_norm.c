// group_norm.c: cases of group normalisation of any number of groups.
#include "tests/ops/reference.h"

// Attribute: these bits, above them the number of groups. Inputs: x, gamma, beta, then scale, shift and step of a scale_shift after it.
// HALVES: it takes both from input 3; LAST: the activation is after it. TERM: x counts with input 3, and step is input 4; SECOND: the
// last input has channels after x's.
enum { RELU = 1, SCALED = 2, PER_STEP = 4, LARGE_EPSILON = 8, SILU = 16, HALVES = 32, LAST = 64, TERM = 128, SECOND = 256, GROUPS = 512 };

static int groups_of(const op_case *test) { return (int)test->attribute / GROUPS; }
static float epsilon_of(const op_case *test) { return test->attribute & LARGE_EPSILON ? 0.25f : 1e-5f; }

static tensor *activate(graph *graph, const op_case *test, tensor *y) {
  if (test->attribute & RELU) y = relu(graph, y);
  return test->attribute & SILU ? silu(graph, y) : y;
}

static tensor *build(graph *graph, const op_case *test, tensor *const *in) {
  tensor *x = test->attribute & SECOND ? concat(graph, in[0], in[test->attribute & TERM ? 4 : 3]) : in[0];
  if (test->attribute & TERM) x = scale_shift(graph, x, NULL, in[3], test->attribute & PER_STEP ? in[4] : NULL);
  tensor *y = group_norm(graph, x, in[1], in[2], groups_of(test), epsilon_of(test));
  if (!(test->attribute & LAST)) y = activate(graph, test, y);
  if (test->attribute & SCALED) y = scale_shift(graph, y, in[3], in[4], test->attribute & PER_STEP ? in[5] : NULL);
  if (test->attribute & HALVES) y = scale_shift(graph, y, in[3], NULL, test->attribute & PER_STEP ? in[4] : NULL);
  return test->attribute & LAST ? activate(graph, test, y) : y;
}

static double activated(const op_case *test, double y) {
  if (test->attribute & RELU && y < 0) y = 0;
  return test->attribute & SILU ? reference_silu(y) : y;
}

// x of channel `i` / pixels of the group whose first is `c`, in image n.
static double value_at(const op_case *test, double *const *in, int n, int c, int i) {
  shape s = test->inputs[0].shape, more = test->inputs[test->attribute & TERM ? 4 : 3].shape;
  const int pixels = s.h * s.w, channel = c + i / pixels, all = test->inputs[1].shape.c;
  const double *second = in[test->attribute & TERM ? 4 : 3];
  double x = channel < s.c ? in[0][at(s, n, channel, 0, 0) + (size_t)(i % pixels)]
                           : second[at(more, n, channel - s.c, 0, 0) + (size_t)(i % pixels)];
  return test->attribute & TERM ? x + in[3][(test->attribute & PER_STEP ? (int)in[4][0] : n) * all + channel] : x;
}

static void reference(const op_case *test, double *const *in, double *out) {
  shape s = test->inputs[0].shape;
  s.c = test->inputs[1].shape.c;
  int groups = groups_of(test), members = s.c / groups, count = members * s.h * s.w;
  for (int n = 0; n < s.n; n++)
    for (int g = 0; g < groups; g++) {
      size_t first = at(s, n, g * members, 0, 0);
      double mean = 0, variance = 0;
      for (int i = 0; i < count; i++) mean += value_at(test, in, n, g * members, i) / count;
      for (int i = 0; i < count; i++) {
        double d = value_at(test, in, n, g * members, i) - mean;
        variance += d * d / count;
      }
      for (int i = 0; i < count; i++) {
        int c = g * members + i / (s.h * s.w);
        double y = in[1][c] * (value_at(test, in, n, g * members, i) - mean) / sqrt(variance + epsilon_of(test)) + in[2][c];
        if (!(test->attribute & LAST)) y = activated(test, y);
        int row = test->attribute & PER_STEP ? (int)in[test->attribute & SCALED ? 5 : 4][0] : n;
        if (test->attribute & SCALED) y = in[3][n * s.c + c] * y + in[4][row * s.c + c];
        if (test->attribute & HALVES) y = (1 + in[3][row * 2 * s.c + c]) * y + in[3][(row * 2 + 1) * s.c + c];
        out[first + (size_t)i] = test->attribute & LAST ? activated(test, y) : y;
      }
    }
}

#define NORM(title, bits, groups, n, c, h, w)                                                                       \
  {                                                                                                                 \
    .name = title, .build = build, .reference = reference, .attribute = (bits) | (groups) * GROUPS,                 \
    .tolerance = 2e-5, .inputs = {{{n, c, h, w}, ROLE_ACTIVATION, 20, 22}, {{1, c, 1, 1}}, {{1, c, 1, 1}}},         \
  }

static const uint32_t third_step[] = {2, 0, 0, 0};

// As for batch_norm: values far from zero.
static const op_case cases[] = {
    NORM("one channel a group", 0, 8, 2, 8, 4, 4),
    NORM("three channels a group", 0, 8, 3, 24, 5, 7),
    NORM("eight channels a group, ReLU", RELU, 8, 2, 64, 8, 8),
    NORM("sixteen channels a group", 0, 8, 2, 128, 4, 4),
    NORM("two channels a group, SiLU", SILU, 12, 2, 24, 3, 1),
    NORM("ten channels a group, of five blocks", LARGE_EPSILON, 8, 2, 80, 2, 3),
    NORM("twelve channels a group, of three blocks", 0, 4, 2, 48, 3, 3),
    NORM("one group", 0, 1, 2, 40, 3, 5),
    // Blocks of eight channels, and clusters of them, that are not full.
    {.name = "one channel",
     .build = build,
     .reference = reference,
     .attribute = 1 * GROUPS,
     .inputs = {{{3, 1, 5, 3}}, {{1, 1, 1, 1}}, {{1, 1, 1, 1}}},
     .tolerance = 2e-5},
    NORM("three channels a group, one block and a half", LARGE_EPSILON | SILU, 4, 2, 12, 3, 4),
    NORM("three channels a group, in two clusters", 0, 12, 2, 36, 3, 2),
    NORM("five channels a group, the last in a part of a block", RELU, 3, 2, 15, 2, 2),
    NORM("seven channels, as many groups", 0, 7, 2, 7, 4, 4),
    NORM("129 channels a group", 0, 2, 1, 258, 2, 1),
    NORM("many pixels", 0, 2, 1, 8, 96, 128),
    {.name = "scaled and shifted by image",
     .build = build,
     .reference = reference,
     .attribute = RELU | 8 * GROUPS | SCALED,
     .inputs = {{{3, 24, 4, 4}}, {{1, 24, 1, 1}}, {{1, 24, 1, 1}}, {{3, 24, 1, 1}}, {{3, 24, 1, 1}}},
     .tolerance = 2e-5},
    {.name = "several blocks a workgroup, scaled and shifted by image",
     .build = build,
     .reference = reference,
     .attribute = RELU | 8 * GROUPS | SCALED,
     .inputs = {{{2, 24, 5, 7}}, {{1, 24, 1, 1}}, {{1, 24, 1, 1}}, {{2, 24, 1, 1}}, {{2, 24, 1, 1}}},
     .tolerance = 2e-5},
    {.name = "blocks that are not full, scaled and shifted by image",
     .build = build,
     .reference = reference,
     .attribute = SILU | 4 * GROUPS | SCALED,
     .inputs = {{{2, 20, 2, 3}}, {{1, 20, 1, 1}}, {{1, 20, 1, 1}}, {{2, 20, 1, 1}}, {{2, 20, 1, 1}}},
     .tolerance = 2e-5},
    {.name = "shifted by the current step's row",
     .build = build,
     .reference = reference,
     .attribute = RELU | 8 * GROUPS | SCALED | PER_STEP,
     .no_gradient = true,
     .inputs = {{{2, 64, 4, 4}}, {{1, 64, 1, 1}}, {{1, 64, 1, 1}}, {{2, 64, 1, 1}}, {{4, 64, 1, 1}},
                {{1, 4, 1, 1}, ROLE_TABLE}},
     .words = third_step,
     .tolerance = 2e-5},
    {.name = "scaled and shifted by image, then SiLU",
     .build = build,
     .reference = reference,
     .attribute = SILU | LAST | 4 * GROUPS | SCALED,
     .inputs = {{{2, 20, 2, 3}}, {{1, 20, 1, 1}}, {{1, 20, 1, 1}}, {{2, 20, 1, 1}}, {{2, 20, 1, 1}}},
     .tolerance = 2e-5},
    {.name = "scaled and shifted by the halves of a tensor, then SiLU",
     .build = build,
     .reference = reference,
     .attribute = SILU | LAST | 4 * GROUPS | HALVES,
     .inputs = {{{3, 24, 3, 3}}, {{1, 24, 1, 1}}, {{1, 24, 1, 1}}, {{3, 48, 1, 1}}},
     .tolerance = 2e-5},
    {.name = "scaled and shifted by the halves of the current step's row",
     .build = build,
     .reference = reference,
     .attribute = SILU | LAST | 4 * GROUPS | HALVES | PER_STEP,
     .no_gradient = true,
     .inputs = {{{2, 24, 3, 3}}, {{1, 24, 1, 1}}, {{1, 24, 1, 1}}, {{4, 48, 1, 1}}, {{1, 4, 1, 1}, ROLE_TABLE}},
     .words = third_step,
     .tolerance = 2e-5},
    {.name = "a term before it, by image",
     .build = build,
     .reference = reference,
     .attribute = SILU | 4 * GROUPS | TERM,
     .inputs = {{{3, 20, 3, 3}, ROLE_ACTIVATION, 20, 22}, {{1, 20, 1, 1}}, {{1, 20, 1, 1}}, {{3, 20, 1, 1}}},
     .tolerance = 2e-5},
    {.name = "a term before it, in several blocks a workgroup",
     .build = build,
     .reference = reference,
     .attribute = 2 * GROUPS | TERM,
     .inputs = {{{2, 48, 5, 3}}, {{1, 48, 1, 1}}, {{1, 48, 1, 1}}, {{2, 48, 1, 1}}},
     .tolerance = 2e-5},
    {.name = "a term before it, the current step's row",
     .build = build,
     .reference = reference,
     .attribute = SILU | 8 * GROUPS | TERM | PER_STEP,
     .no_gradient = true,
     .inputs = {{{2, 64, 4, 4}}, {{1, 64, 1, 1}}, {{1, 64, 1, 1}}, {{4, 64, 1, 1}}, {{1, 4, 1, 1}, ROLE_TABLE}},
     .words = third_step,
     .tolerance = 2e-5},
    {.name = "two tensors, SiLU",
     .build = build,
     .reference = reference,
     .attribute = SILU | 4 * GROUPS | SECOND,
     .inputs = {{{2, 16, 4, 5}}, {{1, 24, 1, 1}}, {{1, 24, 1, 1}}, {{2, 8, 4, 5}}},
     .tolerance = 2e-5},
    {.name = "two tensors, a workgroup's groups from both, a block that is not full",
     .build = build,
     .reference = reference,
     .attribute = 3 * GROUPS | SECOND,
     .inputs = {{{3, 8, 3, 3}, ROLE_ACTIVATION, 20, 22}, {{1, 21, 1, 1}}, {{1, 21, 1, 1}}, {{3, 13, 3, 3}, ROLE_ACTIVATION, 20, 22}},
     .tolerance = 2e-5},
    {.name = "two tensors and a term",
     .build = build,
     .reference = reference,
     .attribute = 4 * GROUPS | SECOND | TERM,
     .inputs = {{{2, 24, 3, 1}}, {{1, 40, 1, 1}}, {{1, 40, 1, 1}}, {{2, 40, 1, 1}}, {{2, 16, 3, 1}}},
     .tolerance = 2e-5},
    // A variance near epsilon, so that epsilon counts.
    {.name = "variance near epsilon",
     .build = build,
     .reference = reference,
     .attribute = 8 * GROUPS,
     .inputs = {{{2, 16, 4, 4}, ROLE_ACTIVATION, -0.005, 0.005}, {{1, 16, 1, 1}}, {{1, 16, 1, 1}}},
     .tolerance = TOLERANCE_SUM},
};
CASES(group_norm, cases);
