// normal_noise.c: cases of the noise: Philox's published vector, and Box-Muller in double precision.
#include <string.h>

#include "graph/ir/philox.h"
#include "tests/ops/reference.h"

enum { NORMALS = 0, BITS = 1 };
static const uint32_t zero_key[] = {0, 0, 0, 0};
static const uint32_t a_key[] = {9, 0x12345678, 0x9ABCDEF0, 41};

static tensor *build(graph *graph, const op_case *test, tensor *const *in) {
  bool published = test->words == zero_key;
  const normal_noise_desc desc = {
      .stream = published ? 0 : 3, .step = published ? 0 : 17, .bits = test->attribute == BITS};
  return normal_noise(graph, in[0], in[1], &desc);
}

static void reference(const op_case *test, double *const *in, double *out) {
  shape s = test->inputs[0].shape;
  bool published = test->words == zero_key;
  (void)in;
  for (int n = 0; n < s.n; n++)
    for (int e = 0; e < s.c * s.h * s.w; e++) {
      philox_block counter = {{(uint32_t)(e / 4), test->words[3] + (uint32_t)n, published ? 0 : 17, published ? 0 : 3}};
      philox_block block = philox(counter, (uint64_t)test->words[2] << 32 | test->words[1]);
      float bits;
      memcpy(&bits, &block.words[e % 4], 4);
      // Bits that are no finite float cannot be compared as numbers.
      out[n * s.c * s.h * s.w + e] = test->attribute == BITS ? (double)bits : reference_normal(block.words, e % 4);
    }
}

// Random123's known answer for Philox4x32-10: counter 0, key 0.
static void known_answer(const op_case *test, double *const *in, double *out) {
  static const uint32_t answer[] = {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8};
  (void)test;
  (void)in;
  for (int i = 0; i < 4; i++) {
    float bits;
    memcpy(&bits, &answer[i], 4);
    out[i] = bits;
  }
}

static const op_case cases[] = {
    {.name = "Philox4x32-10's known answer",
     .build = build, .no_gradient = true,
     .reference = known_answer,
     .attribute = BITS,
     .inputs = {{{1, 1, 2, 2}}, {{1, 4, 1, 1}, ROLE_TABLE}},
     .words = zero_key,
     .tolerance = 0},
    {.name = "normals, 3 channels",
     .build = build, .no_gradient = true,
     .reference = reference,
     .inputs = {{{3, 3, 16, 16}}, {{1, 4, 1, 1}, ROLE_TABLE}},
     .words = a_key,
     .tolerance = 3e-7},
    {.name = "normals, odd sizes",
     .build = build, .no_gradient = true,
     .reference = reference,
     .inputs = {{{2, 9, 3, 3}}, {{1, 4, 1, 1}, ROLE_TABLE}},
     .words = a_key,
     .tolerance = 3e-7},
};
CASES(normal_noise, cases);
