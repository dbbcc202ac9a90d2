// dropout.c: cases of numbers that are zero by chance.
#include <string.h>

#include "graph/ir/philox.h"
#include "shaders/streams.h"
#include "shaders/train_state.h"
#include "tests/ops/reference.h"

// Attribute: percents.
static tensor *build(graph *graph, const op_case *test, tensor *const *in) {
  return dropout(graph, in[0], (float)test->attribute / 100, in[1], in[2]);
}

// A second layer drops others than the first.
static tensor *build_twice(graph *graph, const op_case *test, tensor *const *in) {
  return dropout(graph, build(graph, test, in), (float)test->attribute / 100, in[1], in[2]);
}

static bool stays(const op_case *test, const double *index, uint32_t layer, int n, int c, int pixel) {
  const shape s = test->inputs[0].shape;
  const float image = (float)index[n];
  uint32_t bits;
  memcpy(&bits, &image, 4);
  const uint32_t vector = (uint32_t)((c / 8 * s.h * s.w + pixel) * 2 + c % 8 / 4);
  const uint64_t seed = (uint64_t)test->words[TRAIN_SEED_HIGH] << 32 | test->words[TRAIN_SEED_LOW];
  const philox_block block = philox((philox_block){{vector, bits, test->words[TRAIN_STEPS], STREAM_TRAIN_DROPOUT + layer}}, seed);
  return block.words[c % 4] / 4294967296.0 >= (float)test->attribute / 100;
}

static void drop(const op_case *test, double *const *in, uint32_t layers, double *out) {
  const shape s = test->inputs[0].shape;
  for (int n = 0; n < s.n; n++)
    for (int c = 0; c < s.c; c++)
      for (int pixel = 0; pixel < s.h * s.w; pixel++) {
        const size_t k = at(s, n, c, 0, 0) + (size_t)pixel;
        out[k] = in[0][k];
        for (uint32_t layer = 0; layer < layers; layer++)
          out[k] = stays(test, in[2], layer, n, c, pixel) ? out[k] / (1 - test->attribute / 100.0) : 0;
      }
}

static void reference(const op_case *test, double *const *in, double *out) { drop(test, in, 1, out); }
static void reference_twice(const op_case *test, double *const *in, double *out) { drop(test, in, 2, out); }

static const uint32_t words[TRAIN_WORDS] = {[TRAIN_STEPS] = 3, [TRAIN_SEED_LOW] = 11, [TRAIN_SEED_HIGH] = 12};

#define DROPOUT(title, first, second, percent, n, c, h, w)                                                       \
  {.name = title, .build = first, .reference = second, .attribute = percent, .tolerance = TOLERANCE_ELEMENT,     \
   .words = words, .word_count = TRAIN_WORDS,                                                                    \
   .inputs = {{{n, c, h, w}}, {{1, TRAIN_WORDS, 1, 1}, ROLE_TABLE}, {{1, n, 1, 1}, ROLE_TABLE, 1, 2}}}

static const op_case cases[] = {
    DROPOUT("a tenth", build, reference, 10, 3, 13, 3, 5),
    DROPOUT("nearly all", build, reference, 95, 2, 24, 4, 4),
    DROPOUT("nothing", build, reference, 0, 1, 8, 2, 1),
    DROPOUT("two layers", build_twice, reference_twice, 40, 2, 16, 3, 3),
};
CASES(dropout, cases);
