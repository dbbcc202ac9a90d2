// place.h: places tensors with known lifetimes in one piece of memory.
#ifndef MOTE_GRAPH_COMPILE_PLACE_H
#define MOTE_GRAPH_COMPILE_PLACE_H

#include <stddef.h>

#include "runtime/error.h"

typedef struct plan_item {
  size_t bytes;     // in
  int first, last;  // in: the dispatches that touch it first and last; two items may share bytes if these do not meet
  size_t offset;    // out, a multiple of the alignment
} plan_item;

typedef struct plan_result {
  size_t peak_bytes;   // end of the furthest item
  size_t bound_bytes;  // the largest sum of items alive at one dispatch: no plan can do with less
} plan_result;

// Greedy by size (Pisarchyk & Lee 2020, "Efficient memory management for deep neural net inference"): the largest item
// first, each at the lowest offset where it meets no item that is alive at the same time. Equal ones come in the order of
// their first use, then of their last, and then all by size times life: whichever needs least.
mote_status plan_place(plan_item *items, int count, size_t alignment, plan_result *result, mote_error *error);

#endif
