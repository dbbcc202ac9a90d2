// gelu.c: cases of the GELU op.
#include "tests/ops/reference.h"

static tensor *build(graph *graph, const op_case *test, tensor *const *in) {
  (void)test;
  return gelu(graph, in[0]);
}

static void reference(const op_case *test, double *const *in, double *out) {
  for (size_t i = 0; i < count_of(test->inputs[0].shape); i++) out[i] = reference_gelu(in[0][i]);
}

// The erf of the kernel is good to 1.5e-7 absolute.
static const op_case cases[] = {
    {.name = "one block", .build = build, .reference = reference, .inputs = {{{1, 8, 2, 2}}}, .tolerance = 5e-7},
    {.name = "odd sizes", .build = build, .reference = reference, .inputs = {{{3, 5, 7, 3}}}, .tolerance = 5e-7},
    {.name = "tails",
     .build = build,
     .reference = reference,
     .inputs = {{{2, 24, 9, 5}, LAYOUT_C8, -9, 9}},
     .tolerance = 5e-7},
};
CASES(gelu, cases);
