// sinusoids.c: cases of time as sines and cosines.
#include "tests/ops/reference.h"

// Attribute: these bits, above them the number of channels.
enum { COS_FIRST = 1, SHIFT = 2, CHANNELS = 4 };

static tensor *build(graph *graph, const op_case *test, tensor *const *in) {
  return sinusoids(graph, in[0], (int)test->attribute / CHANNELS, test->attribute & COS_FIRST, test->attribute & SHIFT ? 1 : 0);
}

static void reference(const op_case *test, double *const *in, double *out) {
  const int channels = (int)test->attribute / CHANNELS, half = channels / 2;
  for (int n = 0; n < test->inputs[0].shape.n; n++)
    for (int i = 0; i < half; i++) {
      const double angle = in[0][n] * exp(-log(10000) * i / (half - (test->attribute & SHIFT ? 1 : 0)));
      out[n * channels + i] = test->attribute & COS_FIRST ? cos(angle) : sin(angle);
      out[n * channels + half + i] = test->attribute & COS_FIRST ? sin(angle) : cos(angle);
    }
}

// So few numbers that none can be far off.
#define TIMES(title, bits, channels, n, low, high)                                                                     \
  {.name = title, .build = build, .reference = reference, .attribute = (bits) | (channels) * CHANNELS,                 \
   .no_gradient = true, .tolerance = TOLERANCE_ELEMENT, .inputs = {{{n, 1, 1, 1}, ROLE_ACTIVATION, low, high}}}

static const op_case cases[] = {
    TIMES("the last of a thousand steps", 0, 8, 1, 999, 999),
    TIMES("the first step, cosines first", COS_FIRST | SHIFT, 32, 1, 1, 1),
    TIMES("steps and parts of steps", COS_FIRST, 12, 3, 0, 1000),
    TIMES("an odd number of channels", SHIFT, 7, 2, 500, 500),
    TIMES("two channels, before and after 0", 0, 2, 9, -4, 4),
    TIMES("times as large as fp32 counts", 0, 8, 2, 16000000, 16777215),
};
CASES(sinusoids, cases);
