// scale_shift.c: cases of context and time entering the network.
#include "tests/ops/reference.h"

// Attribute: what the inputs after x are, whether the step comes last, and an activation.
enum { PAIR, SUM, HALVES, FORMS = 3, PER_STEP = 4, SILU = 8 };

static tensor *build(graph *graph, const op_case *test, tensor *const *in) {
  const uint32_t form = test->attribute & FORMS;
  tensor *step = test->attribute & PER_STEP ? in[form == PAIR ? 3 : 2] : NULL;
  tensor *y = scale_shift(graph, in[0], form == SUM ? NULL : in[1], form == PAIR ? in[2] : form == SUM ? in[1] : NULL, step);
  return test->attribute & SILU ? silu(graph, y) : y;
}

static void reference(const op_case *test, double *const *in, double *out) {
  const shape s = test->inputs[0].shape;
  const uint32_t form = test->attribute & FORMS;
  for (int n = 0; n < s.n; n++)
    for (int c = 0; c < s.c; c++)
      for (int i = 0; i < s.h * s.w; i++) {
        const int row = test->attribute & PER_STEP ? (int)in[form == PAIR ? 3 : 2][0] : n;
        const size_t k = at(s, n, c, 0, 0) + (size_t)i;
        if (form == PAIR) out[k] = in[1][n * s.c + c] * in[0][k] + in[2][row * s.c + c];
        if (form == SUM) out[k] = in[0][k] + in[1][row * s.c + c];
        if (form == HALVES) out[k] = (1 + in[1][row * 2 * s.c + c]) * in[0][k] + in[1][(row * 2 + 1) * s.c + c];
        if (test->attribute & SILU) out[k] = reference_silu(out[k]);
      }
}

static const uint32_t third_step[] = {2, 0, 0, 0};

#define FORM(title, bits, ...)                                                                              \
  {.name = title, .build = build, .reference = reference, .attribute = bits, .tolerance = TOLERANCE_ELEMENT, \
   .words = (bits) & PER_STEP ? third_step : NULL, .no_gradient = (bits) & PER_STEP, .inputs = {__VA_ARGS__}}

static const op_case cases[] = {
    FORM("a shift an image", PAIR, {{3, 24, 3, 5}}, {{3, 24, 1, 1}}, {{3, 24, 1, 1}}),
    FORM("blocks that are not full", PAIR | SILU, {{2, 13, 3, 3}}, {{2, 13, 1, 1}}, {{2, 13, 1, 1}}),
    FORM("the shift of the current step", PAIR | PER_STEP, {{2, 16, 4, 4}}, {{2, 16, 1, 1}}, {{4, 16, 1, 1}},
         {{1, 4, 1, 1}, ROLE_TABLE}),
    FORM("a sum", SUM, {{3, 13, 3, 5}}, {{3, 13, 1, 1}}),
    FORM("a sum, SiLU", SUM | SILU, {{2, 24, 2, 3}}, {{2, 24, 1, 1}}),
    FORM("a sum of the current step", SUM | PER_STEP, {{2, 16, 1, 3}}, {{4, 16, 1, 1}}, {{1, 4, 1, 1}, ROLE_TABLE}),
    FORM("both in one", HALVES, {{3, 24, 3, 5}}, {{3, 48, 1, 1}}),
    FORM("both in one, SiLU", HALVES | SILU, {{2, 8, 2, 3}}, {{2, 16, 1, 1}}),
    FORM("both in one of the current step", HALVES | PER_STEP, {{2, 16, 3, 1}}, {{4, 32, 1, 1}}, {{1, 4, 1, 1}, ROLE_TABLE}),
};
CASES(scale_shift, cases);
