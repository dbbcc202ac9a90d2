// blend.c: cases of tensors added up with factors for each image.
#include "tests/ops/reference.h"

enum { ROWS = 4, WORDS = 6 };

// Which row each image takes; none of them twice in a row, and not in order.
static const uint32_t rows[] = {3, 0, 2};

static tensor *build(graph *graph, const op_case *test, tensor *const *in) {
  blend_desc desc = {.table = in[1], .row = in[0], .column = (int)(test->attribute >> 8)};
  for (uint32_t k = 0; k < (test->attribute & 0xff); k++) desc.terms[k] = in[2 + k];
  return blend(graph, &desc);
}

static void reference(const op_case *test, double *const *in, double *out) {
  shape s = test->inputs[2].shape;
  size_t each = count_of(s) / (size_t)s.n;
  for (size_t i = 0; i < count_of(s); i++) {
    out[i] = 0;
    for (uint32_t k = 0; k < (test->attribute & 0xff); k++)
      out[i] += in[1][rows[i / each] * WORDS + (test->attribute >> 8) + k] * in[2 + k][i];
  }
}

// Terms, and the column of the first factor, in one number.
#define ATTRIBUTE(terms, column) ((terms) | (column) << 8)
#define TABLE {{1, 3, 1, 1}, ROLE_TABLE}, {{ROWS, WORDS, 1, 1}, ROLE_TABLE}
#define SHARED                                                                                        \
  .build = build, .reference = reference, .no_gradient = true, .words = rows, .word_count = 3, .tolerance = 1e-6

static const op_case cases[] = {
    {.name = "one term", SHARED, .attribute = ATTRIBUTE(1, 5), .inputs = {TABLE, {{3, 1, 1, 1}}}},
    {.name = "two terms", SHARED, .attribute = ATTRIBUTE(2, 0), .inputs = {TABLE, {{3, 3, 8, 8}}, {{3, 3, 8, 8}}}},
    {.name = "three terms, odd sizes", SHARED, .attribute = ATTRIBUTE(3, 1),
     .inputs = {TABLE, {{3, 11, 3, 5}}, {{3, 11, 3, 5}}, {{3, 11, 3, 5}}}},
    {.name = "four terms", SHARED, .attribute = ATTRIBUTE(4, 2),
     .inputs = {TABLE, {{3, 4, 4, 4}}, {{3, 4, 4, 4}}, {{3, 4, 4, 4}}, {{3, 4, 4, 4}}}},
};
CASES(blend, cases);
