// sampler_update.c: cases of the denoising step.
#include "graph/philox.h"
#include "shaders/sampler_update.h"
#include "tests/ops/reference.h"

static tensor *build(graph *graph, const op_case *test, tensor *const *in) {
  (void)test;
  return sampler_update(graph, in[0], in[1], in[2], in[3]) ? in[0] : NULL;
}

static void reference(const op_case *test, double *const *in, double *out) {
  shape s = test->inputs[0].shape;
  const double *row = in[2] + test->words[0] * ROW_WORDS;
  int each = s.c * s.h * s.w;
  for (int i = 0; i < s.n * each; i++) {
    philox_block counter = {{(uint32_t)(i % each / 4), test->words[3] + (uint32_t)(i / each), test->words[0] + 1, 0}};
    philox_block block = philox(counter, (uint64_t)test->words[2] << 32 | test->words[1]);
    out[i] = row[ROW_X] * in[0][i] + row[ROW_MODEL] * in[1][i] + row[ROW_NOISE] * reference_normal(block.words, i % 4);
  }
}

static const uint32_t second_step[] = {1, 5, 6, 30};

#define UPDATE(title, n, c, h, w)                                                                                    \
  {                                                                                                                  \
    .name = title, .build = build, .no_gradient = true, .reference = reference, .words = second_step, .tolerance = TOLERANCE_ELEMENT * 2, \
    .inputs = {{{n, c, h, w}}, {{n, c, h, w}}, {{3, ROW_WORDS, 1, 1}, LAYOUT_RAW}, {{1, 4, 1, 1}, LAYOUT_RAW}},      \
  }

static const op_case cases[] = {UPDATE("3 channels", 2, 3, 16, 16), UPDATE("odd sizes", 3, 4, 3, 4)};
CASES(sampler_update, cases);
