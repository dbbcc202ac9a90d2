// pack_pixels.c: cases of the conversion to RGBA8. Values stay below 0 in the last channel: the words are compared as
// floats, and others would be no numbers.
#include <string.h>

#include "tests/ops/reference.h"

enum { SCALE = 3 };

static tensor *build(graph *graph, const op_case *test, tensor *const *in) {
  (void)test;
  return pack_pixels(graph, in[0], in[1], 1);
}

static tensor *build_enlarged(graph *graph, const op_case *test, tensor *const *in) {
  (void)test;
  return pack_pixels(graph, in[0], in[1], SCALE);
}

static uint32_t level_of(double value) {
  float level = (float)value * 127.5f;
  level += 127.5f;
  return level >= 255 ? 255 : level > 0 ? (uint32_t)lrintf(level) : 0;
}

static float word_at(shape s, const double *x, bool blue_first) {
  int pixels = s.h * s.w;
  uint32_t word = s.c == 4 ? level_of(x[3 * pixels]) << 24 : UINT32_C(0xFF000000);
  for (int c = 0; c < 3; c++) word |= level_of(x[s.c < 3 ? 0 : c * pixels]) << 8 * (blue_first ? 2 - c : c);
  if (s.c == 2) word = (word & 0xFFFFFF) | level_of(x[pixels]) << 24;
  float value;
  memcpy(&value, &word, sizeof value);
  return value;
}

static void pack(const op_case *test, double *const *in, double *out, int scale) {
  shape s = test->inputs[0].shape;
  for (int n = 0; n < s.n; n++)
    for (int y = 0; y < s.h * scale; y++)
      for (int x = 0; x < s.w * scale; x++)
        *out++ = word_at(s, in[0] + n * s.c * s.h * s.w + y / scale * s.w + x / scale, in[1][0] >= 0.5);
}

static void reference(const op_case *test, double *const *in, double *out) { pack(test, in, out, 1); }
static void reference_enlarged(const op_case *test, double *const *in, double *out) { pack(test, in, out, SCALE); }

#define CASE(text, channels, bottom, order, enlarged)                                                                \
  {.name = text, .build = build##enlarged, .no_gradient = true, .reference = reference##enlarged, .tolerance = 0,  \
   .inputs = {{{3, channels, 5, 7}, .low = bottom, .high = -0.01}, {{1, 1, 1, 1}, .low = order, .high = order + 0.1}}}

static const op_case cases[] = {CASE("grey", 1, -1, 0, ), CASE("grey and alpha", 2, -1, 0, ),
                                CASE("colour, clamped", 3, -1.5, 0, ), CASE("colour and alpha", 4, -1, 0, ),
                                CASE("blue first", 4, -1, 0.9, ), CASE("enlarged", 3, -1, 0, _enlarged),
                                CASE("blue first, enlarged", 4, -1.5, 0.9, _enlarged)};
CASES(pack_pixels, cases);
