// reference.h: what several references need, in double precision.
#ifndef MOTE_TESTS_REFERENCE_H
#define MOTE_TESTS_REFERENCE_H

#include <math.h>
#include <stddef.h>

#include "tests/selftest.h"

static inline size_t count_of(shape s) { return (size_t)s.n * (size_t)s.c * (size_t)s.h * (size_t)s.w; }

// Row-major position.
static inline size_t at(shape s, int n, int c, int y, int x) {
  return (((size_t)n * (size_t)s.c + (size_t)c) * (size_t)s.h + (size_t)y) * (size_t)s.w + (size_t)x;
}

static inline double reference_gelu(double x) { return 0.5 * x * (1 + erf(x / sqrt(2))); }

#endif
