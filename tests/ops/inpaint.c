// inpaint.c: cases of what RePaint does after a denoising step.
#include "graph/ir/philox.h"
#include "shaders/sampler_update.h"
#include "tests/ops/reference.h"

enum { STREAM_OF_KNOWN = 3, STREAM_OF_BACK = 4 };

static tensor *build(graph *graph, const op_case *test, tensor *const *in) {
  (void)test;
  const sampler_tensors tensors = {.x = in[0], .table = in[3], .step = in[4]};
  return inpaint(graph, &tensors, in[1], in[2]) ? in[0] : NULL;
}

static double normal(const op_case *test, int each, int i, uint32_t stream) {
  philox_block counter = {
      {(uint32_t)(i % each / 4), test->words[3] + (uint32_t)(i / each), test->words[0] + 1, stream}};
  philox_block block = philox(counter, (uint64_t)test->words[2] << 32 | test->words[1]);
  return reference_normal(block.words, i % each % 4);
}

static void reference(const op_case *test, double *const *in, double *out) {
  shape s = test->inputs[0].shape;
  const double *row = in[3] + test->words[0] * ROW_WORDS;
  int pixels = s.h * s.w, each = s.c * pixels;
  for (int i = 0; i < s.n * each; i++) {
    double value = in[0][i];
    if (in[2][i / each * pixels + i % pixels] < 0.5)
      value = row[ROW_KNOWN] * in[1][i] + row[ROW_KNOWN_NOISE] * normal(test, each, i, STREAM_OF_KNOWN);
    out[i] = row[ROW_BACK] * value + row[ROW_BACK_NOISE] * normal(test, each, i, STREAM_OF_BACK);
  }
}

static const uint32_t second_step[] = {1, 5, 6, 30};

#define INPAINT(title, n, c, h, w)                                                                                   \
  {                                                                                                                  \
    .name = title, .build = build, .no_gradient = true, .reference = reference, .words = second_step,                \
    .tolerance = TOLERANCE_ELEMENT * 2,                                                                              \
    .inputs = {{{n, c, h, w}}, {{n, c, h, w}}, {{n, 1, h, w}, ROLE_TABLE, 0, 1},                                     \
               {{3, ROW_WORDS, 1, 1}, ROLE_TABLE}, {{1, 4, 1, 1}, ROLE_TABLE}},                                      \
  }

static const op_case cases[] = {
    INPAINT("3 channels", 2, 3, 16, 16),
    INPAINT("odd sizes", 3, 11, 3, 4),
    INPAINT("four elements of two channels", 2, 3, 2, 3),
};
CASES(inpaint, cases);
