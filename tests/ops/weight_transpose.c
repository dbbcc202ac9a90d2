// weight_transpose.c: cases of the exchange of a weight's channels.
#include "tests/ops/reference.h"

static tensor *build(graph *graph, const op_case *test, tensor *const *in) { return weight_transpose(graph, in[0], test->attribute); }

// (O, C, k, k), or of a transposed convolution (C, O, k, k), to (C, O, k, k), the kernel rotated where the case flips it.
static void reference(const op_case *test, double *const *in, double *out) {
  shape from = test->inputs[0].shape;
  bool exchanged = test->inputs[0].role == ROLE_WEIGHT_TRANSPOSED;
  shape to = exchanged ? from : (shape){from.c, from.n, from.h, from.w};
  for (int n = 0; n < to.n; n++)
    for (int c = 0; c < to.c; c++)
      for (int y = 0; y < to.h; y++)
        for (int x = 0; x < to.w; x++) {
          int row = test->attribute ? to.h - 1 - y : y, column = test->attribute ? to.w - 1 - x : x;
          out[at(to, n, c, y, x)] = in[0][exchanged ? at(from, n, c, row, column) : at(from, c, n, row, column)];
        }
}

#define WEIGHT(title, from, flip, ...)                                                                            \
  {                                                                                                               \
    .name = title, .build = build, .reference = reference, .attribute = flip, .inputs = {{{__VA_ARGS__}, from}}, \
    .tolerance = 0, .no_gradient = true                                                                           \
  }

static const op_case cases[] = {
    WEIGHT("3x3, flipped", ROLE_WEIGHT, true, 32, 16, 3, 3),
    WEIGHT("3x3, flipped, channels that fill no block", ROLE_WEIGHT, true, 3, 21, 3, 3),
    WEIGHT("1x1, flipped", ROLE_WEIGHT, true, 40, 11, 1, 1),
    WEIGHT("3x3 as it is", ROLE_WEIGHT, false, 5, 72, 3, 3),
    WEIGHT("transposed, 2x2 as it is", ROLE_WEIGHT_TRANSPOSED, false, 32, 16, 2, 2),
    WEIGHT("transposed, 4x4 as it is, channels that fill no block", ROLE_WEIGHT_TRANSPOSED, false, 11, 37, 4, 4),
    WEIGHT("transposed, 2x2, flipped", ROLE_WEIGHT_TRANSPOSED, true, 8, 13, 2, 2),
};
CASES(weight_transpose, cases);
