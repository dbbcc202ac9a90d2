// packing.h: copies of weights as a kernel wants them.
#ifndef MOTE_GRAPH_KERNELS_PACKING_H
#define MOTE_GRAPH_KERNELS_PACKING_H

#include "graph/kernels/launch.h"

// How a weight is packed: a constant, which kernels that read the same copy share.
typedef struct packing {
  const char *name;
  int (*count)(const tensor *weight);  // words of the copy
  mote_status (*launch)(tensor *weight, tensor *copy, launches *to, mote_error *error);  // appends what makes it
} packing;

// For the launches of a kernel: the copy of `weight`. What makes it is in `to->prepare` where the weight is constant until the next
// STAGE_PREPARE; of one that learns it comes before them. Each copy is made once in a list, and once more after a node has written
// the weight.
mote_status launches_pack(launches *to, tensor *weight, const packing *packing, tensor **copy, mote_error *error);

// The node has run, and may have written weights: their copies are not taken any more.
void packing_forget(launches *launches, const node *node);

#endif
