// scale_shift.c: cases of context and time entering the network.
#include "tests/ops/reference.h"

enum { PER_IMAGE = 0, PER_STEP = 1 };

static tensor *build(graph *graph, const op_case *test, tensor *const *in) {
  return scale_shift(graph, in[0], in[1], in[2], test->attribute == PER_STEP ? in[3] : NULL);
}

static void reference(const op_case *test, double *const *in, double *out) {
  shape s = test->inputs[0].shape;
  for (int n = 0; n < s.n; n++)
    for (int c = 0; c < s.c; c++)
      for (int i = 0; i < s.h * s.w; i++) {
        int row = test->attribute == PER_STEP ? (int)in[3][0] : n;
        size_t k = at(s, n, c, 0, 0) + (size_t)i;
        out[k] = in[1][n * s.c + c] * in[0][k] + in[2][row * s.c + c];
      }
}

static const uint32_t third_step[] = {2, 0, 0, 0};

static const op_case cases[] = {
    {.name = "a shift an image",
     .build = build,
     .reference = reference,
     .inputs = {{{3, 24, 3, 5}}, {{3, 24, 1, 1}}, {{3, 24, 1, 1}}},
     .tolerance = TOLERANCE_ELEMENT},
    {.name = "blocks that are not full",
     .build = build,
     .reference = reference,
     .inputs = {{{2, 13, 3, 3}}, {{2, 13, 1, 1}}, {{2, 13, 1, 1}}},
     .tolerance = TOLERANCE_ELEMENT},
    {.name = "the shift of the current step",
     .build = build,
     .reference = reference,
     .attribute = PER_STEP,
     .no_gradient = true,
     .inputs = {{{2, 16, 4, 4}}, {{2, 16, 1, 1}}, {{4, 16, 1, 1}}, {{1, 4, 1, 1}, ROLE_TABLE}},
     .words = third_step,
     .tolerance = TOLERANCE_ELEMENT},
};
CASES(scale_shift, cases);
