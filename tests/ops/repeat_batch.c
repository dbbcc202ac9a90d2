// repeat_batch.c: cases of a batch several times over.
#include "tests/ops/reference.h"

static tensor *build(graph *graph, const op_case *test, tensor *const *in) {
  return repeat_batch(graph, in[0], (int)test->attribute);
}

static void reference(const op_case *test, double *const *in, double *out) {
  size_t count = count_of(test->inputs[0].shape);
  for (size_t i = 0; i < count * test->attribute; i++) out[i] = in[0][i % count];
}

static const op_case cases[] = {
    {.name = "twice", .build = build, .no_gradient = true, .reference = reference, .inputs = {{{3, 3, 8, 8}}},
     .attribute = 2, .tolerance = 0},
    {.name = "three times, odd sizes", .build = build, .no_gradient = true, .reference = reference,
     .inputs = {{{2, 11, 3, 5}}}, .attribute = 3, .tolerance = 0},
};
CASES(repeat_batch, cases);
