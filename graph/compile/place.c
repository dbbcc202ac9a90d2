// place.c: greedy placement of tensors by lifetime, in several orders, of which the best is kept.
#include "graph/compile/place.h"

#include <stdlib.h>

static int earlier_first(const plan_item *x, const plan_item *y) {
  return x->first != y->first ? (x->first > y->first) - (x->first < y->first) : (x > y) - (x < y);
}

static int larger_first(const void *a, const void *b) {
  const plan_item *x = *(plan_item *const *)a, *y = *(plan_item *const *)b;
  if (x->bytes != y->bytes) return x->bytes < y->bytes ? 1 : -1;
  return earlier_first(x, y);
}

static int larger_and_later_first(const void *a, const void *b) {
  const plan_item *x = *(plan_item *const *)a, *y = *(plan_item *const *)b;
  if (x->bytes != y->bytes) return x->bytes < y->bytes ? 1 : -1;
  return x->last != y->last ? (x->last < y->last) - (x->last > y->last) : earlier_first(x, y);
}

// By bytes times dispatches.
static int wider_first(const void *a, const void *b) {
  const plan_item *x = *(plan_item *const *)a, *y = *(plan_item *const *)b;
  double x_area = (double)x->bytes * (x->last - x->first + 1), y_area = (double)y->bytes * (y->last - y->first + 1);
  return x_area != y_area ? (x_area < y_area ? 1 : -1) : larger_first(a, b);
}

static int lower_first(const void *a, const void *b) {
  const plan_item *x = *(plan_item *const *)a, *y = *(plan_item *const *)b;
  return (x->offset > y->offset) - (x->offset < y->offset);
}

static size_t align(size_t bytes, size_t alignment) { return (bytes + alignment - 1) / alignment * alignment; }

// `neighbours` are the placed items alive together with `item`, by offset: take the first gap that fits.
static size_t first_gap(const plan_item *item, plan_item *const *neighbours, int count, size_t alignment) {
  size_t at = 0;
  for (int i = 0; i < count; i++) {
    if (at + item->bytes <= neighbours[i]->offset) break;
    size_t end = align(neighbours[i]->offset + neighbours[i]->bytes, alignment);
    if (end > at) at = end;
  }
  return at;
}

static size_t lower_bound(const plan_item *items, int count, size_t alignment) {
  size_t bound = 0;
  for (int i = 0; i < count; i++) {  // the most is alive where some item begins
    size_t alive = 0;
    for (int j = 0; j < count; j++)
      if (items[j].first <= items[i].first && items[i].first <= items[j].last)
        alive += align(items[j].bytes, alignment);
    if (alive > bound) bound = alive;
  }
  return bound;
}

// One item after the other; `order` and `neighbours` have room for all. Returns the end of the last one.
static size_t place(plan_item *items, int count, size_t alignment, int (*compare)(const void *, const void *),
                    plan_item **order, plan_item **neighbours) {
  size_t peak_bytes = 0;
  for (int i = 0; i < count; i++) order[i] = &items[i];
  qsort(order, (size_t)count, sizeof *order, compare);
  for (int i = 0; i < count; i++) {
    plan_item *item = order[i];
    int neighbour_count = 0;
    for (int j = 0; j < i; j++)
      if (order[j]->first <= item->last && item->first <= order[j]->last) neighbours[neighbour_count++] = order[j];
    qsort(neighbours, (size_t)neighbour_count, sizeof *neighbours, lower_first);
    item->offset = first_gap(item, neighbours, neighbour_count, alignment);
    size_t end = align(item->offset + item->bytes, alignment);
    if (end > peak_bytes) peak_bytes = end;
  }
  return peak_bytes;
}

mote_status plan_place(plan_item *items, int count, size_t alignment, plan_result *result, mote_error *error) {
  int (*const orders[])(const void *, const void *) = {larger_first, larger_and_later_first, wider_first};
  enum { ORDER_COUNT = sizeof orders / sizeof *orders };
  *result = (plan_result){0};
  plan_item **order = malloc(2 * ((size_t)count + 1) * sizeof *order);
  if (!order) return fail(error, MOTE_ERROR_MEMORY, "out of memory");
  size_t peaks[ORDER_COUNT];
  int best = 0;
  result->bound_bytes = lower_bound(items, count, alignment);
  for (int i = 0; i < ORDER_COUNT; i++) {
    peaks[i] = place(items, count, alignment, orders[i], order, order + count + 1);
    if (peaks[i] < peaks[best]) best = i;
  }
  result->peak_bytes = place(items, count, alignment, orders[best], order, order + count + 1);
  free(order);
  return MOTE_OK;
}
