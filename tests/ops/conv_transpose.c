// conv_transpose.c: cases of the transposed convolution with stride = kernel.
#include "tests/ops/reference.h"

enum { PLAIN = 0, TWO_INPUTS = 1, RELU = 2, MADE = 4 };

// MADE: what is convolved is made from the inputs, so that one dispatch may make both gradients.
static tensor *build(graph *graph, const op_case *test, tensor *const *in) {
  tensor *first = in[0], *second = test->attribute & TWO_INPUTS ? in[3] : NULL;
  if (test->attribute & MADE) first = relu(graph, first), second = relu(graph, second);
  tensor *x = second ? concat(graph, first, second) : first;
  tensor *y = conv_transpose(graph, x, in[1], in[2]);
  return test->attribute & RELU ? relu(graph, y) : y;
}

static void reference(const op_case *test, double *const *in, double *out) {
  shape a = test->inputs[0].shape, w = test->inputs[1].shape, b = test->inputs[3].shape;
  shape to = {a.n, w.c, a.h * w.h, a.w * w.w};
  for (int n = 0; n < to.n; n++)
    for (int o = 0; o < to.c; o++)
      for (int y = 0; y < to.h; y++)
        for (int x = 0; x < to.w; x++) {
          double sum = in[2][o];
          for (int c = 0; c < w.n; c++) {
            double value = c < a.c ? in[0][at(a, n, c, y / w.h, x / w.w)] : in[3][at(b, n, c - a.c, y / w.h, x / w.w)];
            if (test->attribute & MADE && value < 0) continue;
            sum += in[1][at(w, c, o, y % w.h, x % w.w)] * value;
          }
          out[at(to, n, o, y, x)] = test->attribute & RELU && sum < 0 ? 0 : sum;
        }
}

#define CONV(title, flags, n, c, h, w, o, k, ...)                                                           \
  {                                                                                                         \
    .name = title, .build = build, .reference = reference, .attribute = (flags), .tolerance = TOLERANCE_SUM, \
    .joins = (flags) & MADE,                                                                                \
    .inputs = {{{n, c, h, w}}, {{(c) + ((flags) & TWO_INPUTS ? 16 : 0), o, k, k}, ROLE_WEIGHT_TRANSPOSED}, \
               {{1, o, 1, 1}}, __VA_ARGS__ },                                                               \
  }

static const op_case cases[] = {
    CONV("2x2, 4x4 as in the network", PLAIN, 2, 64, 4, 4, 32, 2, {{0}}),
    CONV("4x4 from one pixel", PLAIN, 3, 16, 1, 1, 16, 4, {{0}}),
    CONV("3x3 from one pixel, 17 images", PLAIN, 17, 8, 1, 1, 8, 3, {{0}}),
    CONV("7x7 from one pixel", PLAIN, 2, 8, 1, 1, 24, 7, {{0}}),
    CONV("1x1", PLAIN, 2, 8, 3, 3, 8, 1, {{0}}),
    CONV("2x2, odd sizes", PLAIN, 3, 5, 7, 3, 11, 2, {{0}}),
    CONV("two inputs that are made", TWO_INPUTS | MADE, 3, 24, 5, 6, 8, 2, {{3, 16, 5, 6}}),
    CONV("two inputs, ReLU", TWO_INPUTS | RELU, 2, 8, 6, 6, 8, 2, {{2, 16, 6, 6}}),
};
CASES(conv_transpose, cases);
