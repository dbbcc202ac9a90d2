// conv.c: cases of the convolution, its two inputs and its epilogue.
#include "tests/ops/reference.h"

enum { PLAIN = 0, TWO_INPUTS = 1, GELU = 2, RESIDUAL = 4, MADE = 8, UPSAMPLED = 16, FORWARD = 32, LAYERS = 64 };
static const float scale = 0.5f;  // so that gradients through it are numbers of half precision still

// inputs: x, weight, bias, then the second input and the residual where the case has them. The epilogue comes from
// passes, as in a network. MADE: what is convolved is made from the inputs, so that one dispatch may make both gradients.
// UPSAMPLED: what is convolved is x at twice its size. FORWARD: without gradients, as GELU's are no numbers of half precision, which
// kernels that round to it would be held to.
// LAYERS: three layers' outputs side by side, the weights and biases of the others being inputs 3 to 6.
static int times(const op_case *test) { return test->attribute & UPSAMPLED ? 2 : 1; }

static tensor *build(graph *graph, const op_case *test, tensor *const *in) {
  tensor *const *next = in + 3;
  tensor *first = in[0], *second = test->attribute & TWO_INPUTS ? *next++ : NULL;
  if (test->attribute & MADE) first = relu(graph, first), second = relu(graph, second);
  tensor *x = second ? concat(graph, first, second) : test->attribute & UPSAMPLED ? upsample(graph, first) : first;
  tensor *y = conv(graph, x, in[1], in[2]);
  if (test->attribute & LAYERS) {
    tensor *second_y = conv(graph, x, in[3], in[4]), *third_y = conv(graph, x, in[5], in[6]);
    return concat(graph, concat(graph, y, second_y), third_y);
  }
  if (test->attribute & GELU) y = gelu(graph, y);
  if (test->attribute & RESIDUAL) y = add(graph, *next, y, scale);
  return y;
}

static double pixel(const op_case *test, double *const *in, int layer, int n, int o, int y, int x) {
  shape a = test->inputs[0].shape, w = test->inputs[1].shape, b = test->inputs[3].shape;
  const int up = times(test);
  double sum = in[2 + 2 * layer][o];
  for (int c = 0; c < w.c; c++)
    for (int i = 0; i < w.h; i++)
      for (int j = 0; j < w.w; j++) {
        int r = y + i - w.h / 2, k = x + j - w.w / 2;
        if (r < 0 || r >= a.h * up || k < 0 || k >= a.w * up) continue;
        double value = c < a.c ? in[0][at(a, n, c, r / up, k / up)] : in[3][at(b, n, c - a.c, r, k)];
        if (test->attribute & MADE && value < 0) continue;
        sum += in[1 + 2 * layer][at(w, o, c, i, j)] * value;
      }
  return sum;
}

static void reference(const op_case *test, double *const *in, double *out) {
  const int layers = test->attribute & LAYERS ? 3 : 1;
  shape x = test->inputs[0].shape, w = test->inputs[1].shape, to = {x.n, w.n * layers, x.h * times(test), x.w * times(test)};
  const double *residual = in[test->attribute & TWO_INPUTS ? 4 : 3];
  for (place p = {0}; p.n < to.n; next_place(to, &p)) {
    double value = pixel(test, in, p.c / w.n, p.n, p.c % w.n, p.y, p.x);
    if (test->attribute & GELU) value = reference_gelu(value);
    if (test->attribute & RESIDUAL) value = (value + residual[at_place(to, p)]) * scale;
    out[at_place(to, p)] = value;
  }
}

#define CONV(title, flags, n, c, h, w, o, k, ...)                                                           \
  {                                                                                                         \
    .name = title, .build = build, .reference = reference, .attribute = (flags), .tolerance = TOLERANCE_SUM, \
    .joins = (flags) & MADE, .no_gradient = (flags) & FORWARD,                                              \
    .inputs = {{{n, c, h, w}}, {{o, (c) + ((flags) & TWO_INPUTS ? 16 : 0), k, k}, ROLE_WEIGHT},           \
               {{1, o, 1, 1}}, __VA_ARGS__ },                                                               \
  }

static const op_case cases[] = {
    // Some batches are as large as 2,048 pixels want, from which on conv_winograd.comp stores through one address.
    CONV("3x3, 16x16 as in the network", PLAIN, 2, 32, 16, 16, 32, 3, {{0}}),
    CONV("3x3, 8x8", PLAIN, 33, 8, 8, 8, 24, 3, {{0}}),
    CONV("3x3, 4x4", PLAIN, 2, 16, 4, 4, 32, 3, {{0}}),
    CONV("3x3, 12x12, 3 to 8 channels", PLAIN, 2, 3, 12, 12, 8, 3, {{0}}),
    CONV("3x3, 28x28", PLAIN, 1, 8, 28, 28, 8, 3, {{0}}),
    CONV("3x3, 14x14", PLAIN, 1, 8, 14, 14, 16, 3, {{0}}),
    CONV("3x3, 7x7", PLAIN, 3, 8, 7, 7, 8, 3, {{0}}),
    CONV("3x3, 3x3 image", PLAIN, 3, 16, 3, 3, 8, 3, {{0}}),
    CONV("3x3, one pixel", PLAIN, 1, 8, 1, 1, 8, 3, {{0}}),
    CONV("3x3, 24 wide", PLAIN, 1, 8, 5, 24, 8, 3, {{0}}),
    CONV("3x3, wider than a tile", PLAIN, 1, 8, 3, 64, 8, 3, {{0}}),
    CONV("3x3, wider than a tile and odd", PLAIN, 2, 5, 4, 45, 3, 3, {{0}}),
    CONV("1x1, 3 channels", PLAIN, 2, 3, 16, 16, 16, 1, {{0}}),
    CONV("1x1, odd, wide", PLAIN, 2, 9, 5, 37, 5, 1, {{0}}),
    CONV("1x1, odd blocks, GELU, residual", GELU | RESIDUAL | FORWARD, 3, 40, 3, 5, 24, 1, {{3, 24, 3, 5}}),
    CONV("1x1, odd blocks, residual", RESIDUAL, 3, 40, 3, 5, 24, 1, {{3, 24, 3, 5}}),
    CONV("1x1, two inputs that are made, 4x4", TWO_INPUTS | MADE, 1, 24, 4, 4, 48, 1, {{1, 16, 4, 4}}),
    CONV("1x1, three layers", LAYERS, 2, 32, 5, 4, 24, 1, {{24, 32, 1, 1}, ROLE_WEIGHT}, {{1, 24, 1, 1}}, {{24, 32, 1, 1}, ROLE_WEIGHT},
         {{1, 24, 1, 1}}),
    CONV("1x1, three layers of an even count of blocks", LAYERS, 2, 40, 3, 3, 16, 1, {{16, 40, 1, 1}, ROLE_WEIGHT}, {{1, 16, 1, 1}},
         {{16, 40, 1, 1}, ROLE_WEIGHT}, {{1, 16, 1, 1}}),
    CONV("twice the size", UPSAMPLED, 2, 24, 4, 5, 8, 3, {{0}}),
    CONV("twice the size, odd, GELU", UPSAMPLED | GELU, 2, 5, 3, 17, 13, 3, {{0}}),
    CONV("twice the size, residual", UPSAMPLED | RESIDUAL, 65, 8, 8, 1, 16, 3, {{65, 16, 16, 2}}),
    CONV("twice the size, 1x1", UPSAMPLED, 2, 8, 3, 3, 8, 1, {{0}}),
    CONV("two inputs", TWO_INPUTS, 8, 8, 16, 16, 8, 3, {{8, 16, 16, 16}}),
    CONV("two inputs that are made, 24 and 16 channels", TWO_INPUTS | MADE, 2, 24, 8, 8, 40, 3, {{2, 16, 8, 8}}),
    CONV("two inputs that are made, odd", TWO_INPUTS | MADE, 3, 8, 7, 5, 3, 3, {{3, 16, 7, 5}}),
    CONV("two inputs, odd, GELU", TWO_INPUTS | GELU, 1, 24, 6, 6, 3, 3, {{1, 16, 6, 6}}),
    // Work enough for each of the tiles that conv_tile.c chooses from, and none of these sizes fills its last tile.
    CONV("3x3, tile of 64 x 128", PLAIN, 9, 3, 31, 30, 64, 3, {{0}}),
    CONV("1x1, 16 channels, tile of 64 x 128", PLAIN, 9, 16, 31, 30, 64, 1, {{0}}),
    CONV("3x3, tile of 64 x 64", PLAIN, 7, 3, 25, 24, 64, 3, {{0}}),
    CONV("3x3, tile of 32 x 64", PLAIN, 3, 3, 27, 26, 64, 3, {{0}}),
    CONV("1x1, tile of 32 x 32", PLAIN, 3, 19, 19, 20, 64, 1, {{0}}),
    CONV("3x3, tile of 8 x 256", PLAIN, 17, 3, 31, 32, 3, 3, {{0}}),
    CONV("3x3, 128 to 72 channels", PLAIN, 1, 128, 4, 4, 72, 3, {{0}}),
    CONV("GELU, residual", GELU | RESIDUAL, 15, 8, 12, 12, 8, 3, {{15, 8, 12, 12}}),
    CONV("two inputs, residual", TWO_INPUTS | RESIDUAL, 1, 8, 4, 4, 16, 3, {{1, 16, 4, 4}}, {{1, 16, 4, 4}}),
};
CASES(conv, cases);
