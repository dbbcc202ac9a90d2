// conv_down.c: cases of the convolution with stride 2.
#include "tests/ops/reference.h"

static tensor *build(graph *graph, const op_case *test, tensor *const *in) {
  return conv_down(graph, in[0], in[1], in[2], (int)test->attribute);
}

// Padding 0 has a row and a column of zeros after the image.
static void reference(const op_case *test, double *const *in, double *out) {
  shape a = test->inputs[0].shape, w = test->inputs[1].shape;
  int padding = (int)test->attribute;
  shape to = {a.n, w.n, (a.h + 1 + padding - 3) / 2 + 1, (a.w + 1 + padding - 3) / 2 + 1};
  for (place p = {0}; p.n < to.n; next_place(to, &p)) {
    double sum = in[2][p.c];
    for (int c = 0; c < a.c; c++)
      for (int tap = 0; tap < 9; tap++) {
        int r = 2 * p.y + tap / 3 - padding, k = 2 * p.x + tap % 3 - padding;
        if (r >= 0 && r < a.h && k >= 0 && k < a.w) sum += in[1][at(w, p.c, c, tap / 3, tap % 3)] * in[0][at(a, p.n, c, r, k)];
      }
    out[at_place(to, p)] = sum;
  }
}

#define CONV_DOWN(title, padding, n, c, h, w, o)                                                                    \
  {                                                                                                                 \
    .name = title, .build = build, .reference = reference, .attribute = padding, .tolerance = TOLERANCE_SUM,        \
    .inputs = {{{n, c, h, w}}, {{o, c, 3, 3}, ROLE_WEIGHT}, {{1, o, 1, 1}} },                                       \
  }

static const op_case cases[] = {
    CONV_DOWN("16x16, padding 1", 1, 2, 32, 16, 16, 32),
    CONV_DOWN("16x16, padding 0", 0, 2, 32, 16, 16, 32),
    CONV_DOWN("odd sides, padding 1", 1, 3, 5, 7, 13, 20),
    CONV_DOWN("odd sides, padding 0", 0, 3, 20, 9, 5, 11),
    CONV_DOWN("an odd and an even side, padding 1", 1, 1, 8, 3, 22, 8),
    CONV_DOWN("an even and an odd side, padding 0", 0, 1, 3, 22, 3, 40),
    CONV_DOWN("one pixel, padding 1", 1, 2, 9, 1, 1, 8),
    CONV_DOWN("2x2, padding 0", 0, 2, 8, 2, 2, 9),
};
CASES(conv_down, cases);
