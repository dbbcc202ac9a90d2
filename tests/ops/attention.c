// attention.c: cases of attention.
#include <stdlib.h>

#include "tests/ops/reference.h"

static tensor *build(graph *graph, const op_case *test, tensor *const *in) {
  return attention(graph, in[0], in[1], in[2], (int)test->attribute);
}

// One head of one pixel; `p` has room for a number a pixel.
static void attend(const op_case *test, double *const *in, int n, int head, int pixel, double *p, double *out) {
  shape s = test->inputs[0].shape;
  int members = s.c / (int)test->attribute, first = head * members, pixels = s.h * s.w;
  double most = -INFINITY, total = 0;
  for (int j = 0; j < pixels; j++) {
    p[j] = 0;
    for (int c = first; c < first + members; c++) p[j] += in[0][at(s, n, c, 0, pixel)] * in[1][at(s, n, c, 0, j)];
    p[j] /= sqrt(members);
    most = fmax(most, p[j]);
  }
  for (int j = 0; j < pixels; j++) total += p[j] = exp(p[j] - most);
  for (int c = first; c < first + members; c++) {
    double sum = 0;
    for (int j = 0; j < pixels; j++) sum += p[j] * in[2][at(s, n, c, 0, j)];
    out[at(s, n, c, 0, pixel)] = sum / total;
  }
}

static void reference(const op_case *test, double *const *in, double *out) {
  shape s = test->inputs[0].shape;
  int pixels = s.h * s.w;
  double *p = malloc((size_t)pixels * sizeof *p);
  if (!p) return;
  const shape queries = {s.n, (int)test->attribute, 1, pixels};
  for (place i = {0}; i.n < s.n; next_place(queries, &i)) attend(test, in, i.n, i.c, i.x, p, out);
  free(p);
}

// q and k are from -size to size: the larger, the fewer pixels does one attend to. Of a single pixel q and k do not
// matter, and what is left of their gradients is rounding.
#define ATTENTION(title, heads, n, c, h, w, size)                                                             \
  {                                                                                                           \
    .name = title, .build = build, .reference = reference, .attribute = heads, .tolerance = TOLERANCE_SUM,    \
    .inputs = {{{n, c, h, w}, .low = -(size), .high = size}, {{n, c, h, w}, .low = -(size), .high = size},    \
               {{n, c, h, w}}},                                                                               \
    .no_gradient = (h) * (w) == 1,                                                                            \
  }

static const op_case cases[] = {
    ATTENTION("two heads of 8, 8x8", 2, 2, 16, 8, 8, 2),
    ATTENTION("one head of 64, 9x9", 1, 1, 64, 9, 9, 1),
    ATTENTION("heads of 16, 16x16", 2, 1, 32, 16, 16, 2),
    ATTENTION("heads of 5, 7x5", 3, 2, 15, 7, 5, 2),
    ATTENTION("heads of 12, 3x11", 3, 2, 36, 3, 11, 2),
    ATTENTION("heads of 18, 6x12", 3, 1, 54, 6, 12, 2),
    ATTENTION("heads of 1, 5x5", 5, 3, 5, 5, 5, 3),
    ATTENTION("heads of 4, 6x7", 6, 1, 24, 6, 7, 2),
    ATTENTION("ten heads of 7, 3x3", 10, 1, 70, 3, 3, 2),
    ATTENTION("a head of 136, 4x5", 1, 2, 136, 4, 5, 1),
    ATTENTION("two pixels", 1, 2, 8, 1, 2, 1),
    ATTENTION("one pixel", 1, 2, 8, 1, 1, 1),
    ATTENTION("nearly one pixel each, 9x9", 1, 1, 8, 9, 9, 8),
};
CASES(attention, cases);
