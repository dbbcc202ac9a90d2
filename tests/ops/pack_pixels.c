// pack_pixels.c: cases of the conversion to RGBA8. Values stay below 0 in the last channel: the words are compared as
// floats, and others would be no numbers.
#include <string.h>

#include "tests/ops/reference.h"

static tensor *build(graph *graph, const op_case *test, tensor *const *in) {
  (void)test;
  return pack_pixels(graph, in[0]);
}

static uint32_t level_of(double value) {
  float level = (float)value * 127.5f;
  level += 127.5f;
  return level >= 255 ? 255 : level > 0 ? (uint32_t)lrintf(level) : 0;
}

static void reference(const op_case *test, double *const *in, double *out) {
  shape s = test->inputs[0].shape;
  int pixels = s.h * s.w;
  for (int i = 0; i < s.n * pixels; i++) {
    const double *x = in[0] + i / pixels * s.c * pixels + i % pixels;
    uint32_t word = s.c == 4 ? level_of(x[3 * pixels]) << 24 : UINT32_C(0xFF000000);
    for (int c = 0; c < 3; c++) word |= level_of(x[s.c < 3 ? 0 : c * pixels]) << 8 * c;
    if (s.c == 2) word = (word & 0xFFFFFF) | level_of(x[pixels]) << 24;
    float value;
    memcpy(&value, &word, sizeof value);
    out[i] = value;
  }
}

#define CASE(text, channels, bottom)                                                             \
  {.name = text, .build = build, .no_gradient = true, .reference = reference, .tolerance = 0, \
   .inputs = {{{3, channels, 5, 7}, .low = bottom, .high = -0.01}}}

static const op_case cases[] = {CASE("grey", 1, -1), CASE("grey and alpha", 2, -1), CASE("colour, clamped", 3, -1.5),
                                CASE("colour and alpha", 4, -1)};
CASES(pack_pixels, cases);
