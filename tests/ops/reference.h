// reference.h: what several references need, in double precision.
#ifndef MOTE_TESTS_REFERENCE_H
#define MOTE_TESTS_REFERENCE_H

#include <math.h>
#include <stddef.h>

#include "tests/ops/cases.h"

static inline size_t count_of(shape s) { return (size_t)s.n * (size_t)s.c * (size_t)s.h * (size_t)s.w; }

// Row-major position.
static inline size_t at(shape s, int n, int c, int y, int x) {
  return (((size_t)n * (size_t)s.c + (size_t)c) * (size_t)s.h + (size_t)y) * (size_t)s.w + (size_t)x;
}

// A place in an image or a batch of them, and what follows it in the order of `at`: for (place p = {0}; p.n < s.n; next_place(s, &p)).
typedef struct place {
  int n, c, y, x;
} place;

static inline void next_place(shape s, place *p) {
  if (++p->x < s.w) return;
  p->x = 0;
  if (++p->y < s.h) return;
  p->y = 0;
  if (++p->c < s.c) return;
  p->c = 0;
  p->n++;
}

static inline size_t at_place(shape s, place p) { return at(s, p.n, p.c, p.y, p.x); }

static inline double reference_gelu(double x) { return 0.5 * x * (1 + erf(x / sqrt(2))); }
static inline double reference_silu(double x) { return x / (1 + exp(-x)); }

// Normal number `which` of a Philox block, as shaders/glsl/philox.glsl makes it.
static inline double reference_normal(const uint32_t *words, int which) {
  double u = ((words[which & ~1] >> 8) + 1) / 16777216.0, radius = sqrt(-2 * log(u));
  uint32_t b = words[which | 1];
  double turn = (b >> 30) * 0.25 + (((b & 0x3FFFFFFF) >> 6) / 16777216.0 - 0.5) * 0.25;
  return radius * (which & 1 ? sin(turn * 6.283185307179586) : cos(turn * 6.283185307179586));
}

#endif
