// activation.c: cases of the activations, each row of the table.
#include "tests/ops/reference.h"

static tensor *build(graph *graph, const op_case *test, tensor *const *in) { return activation(graph, in[0], test->attribute); }

static double identity(double x) { return x; }
static double rectify(double x) { return x > 0 ? x : 0; }
static double mish_of(double x) { return x * tanh(log1p(exp(x))); }

static double (*const values[])(double x) = {
    [ACTIVATION_NONE] = identity, [ACTIVATION_GELU] = reference_gelu, [ACTIVATION_RELU] = rectify,
    [ACTIVATION_SILU] = reference_silu, [ACTIVATION_MISH] = mish_of};

static void reference(const op_case *test, double *const *in, double *out) {
  for (size_t i = 0; i < count_of(test->inputs[0].shape); i++) out[i] = values[test->attribute](in[0][i]);
}

// Blocks that are full and not, and values where all activations have come to their tails.
#define ACTIVATION(title, kind, error)                                                                                       \
  {.name = title ", one block", .build = build, .reference = reference, .attribute = kind, .tolerance = error,               \
   .inputs = {{{1, 8, 2, 2}}}},                                                                                              \
  {.name = title ", odd sizes", .build = build, .reference = reference, .attribute = kind, .tolerance = error,               \
   .inputs = {{{3, 5, 7, 3}}}},                                                                                              \
  {.name = title ", tails", .build = build, .reference = reference, .attribute = kind, .tolerance = error,                   \
   .inputs = {{{2, 24, 9, 5}, ROLE_ACTIVATION, -9, 9}}}

// Where exp is no number of fp32, and its square long before.
#define FAR(title, kind)                                                                                                     \
  {.name = title ", far out", .build = build, .reference = reference, .attribute = kind, .tolerance = TOLERANCE_ELEMENT,     \
   .inputs = {{{1, 5, 3, 3}, ROLE_ACTIVATION, -500, 500}}},                                                                  \
  {.name = title ", far out on the left", .build = build, .reference = reference, .attribute = kind, .tolerance = 0,         \
   .no_gradient = true, .inputs = {{{1, 5, 3, 3}, ROLE_ACTIVATION, -3e38, -1e3}}}

static const op_case cases[] = {
    ACTIVATION("none", ACTIVATION_NONE, 0),
    ACTIVATION("GELU", ACTIVATION_GELU, 5e-7),  // the erf of the kernel is good to 1.5e-7 absolute
    ACTIVATION("ReLU", ACTIVATION_RELU, 0),
    ACTIVATION("SiLU", ACTIVATION_SILU, TOLERANCE_ELEMENT),
    ACTIVATION("Mish", ACTIVATION_MISH, 5e-7),  // a few more operations
    FAR("GELU", ACTIVATION_GELU),
    FAR("SiLU", ACTIVATION_SILU),
    FAR("Mish", ACTIVATION_MISH),
};
CASES(activation, cases);
