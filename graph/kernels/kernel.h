// kernel.h: kernels, the ways to do what a node asks for. An op has a table of them, the best first; the plain ones
// come last, of which one fits each node on every device: it is what the others are compared with.
#ifndef MOTE_GRAPH_KERNELS_KERNEL_H
#define MOTE_GRAPH_KERNELS_KERNEL_H

#include "graph/kernels/launch.h"

typedef struct kernel {
  const char *name;      // its own among all kernels; that of its shader, or of the first of them
  mote_kernels class;    // the devices that take it unless told otherwise; PLAIN: all, for want of another
  bool (*fits)(const device_caps *caps, const node *node);  // whether the device can do this node with it; NULL: always
  mote_status (*launch)(const node *node, launches *to, mote_error *error);  // appends what does it; `to->kernel` is this kernel
  // In which ways it can do the node, the first of them the one that should suit: how many. `launch` finds the one to take in
  // `to->variant`. NULL: there is one.
  int (*variants)(const struct kernel *kernel, const device_caps *caps, const node *node, variant variants[MOST_VARIANTS]);
  uint32_t order;    // kernels of an op that have the same one, not 0, make the same bits where their variants' orders are the same
  bool stores_half;  // takes and makes tensors that are stored in half precision; others take none of them
  bool half;         // rounds what it multiplies to half precision
  bool cooperative;  // multiplies cooperative matrices, where the device has them, in waves as wide as its subgroups
} kernel;

// A table, for the `kernels` of an op.
#define KERNELS(...) ((const kernel[]){__VA_ARGS__, {0}})
#define ONE_KERNEL(name, launch) KERNELS({name, MOTE_KERNELS_PLAIN, NULL, launch})

// The kernel that a node takes on a device: the first that fits and is among those that the device was told to prefer, or else of
// its class. NULL: there is none for tensors stored so.
const kernel *kernel_choose(const device_caps *caps, const node *node);

// A kernel and which of its variants.
typedef struct way {
  const kernel *kernel;
  variant variant;
} way;

// Which ways of doing a node the tuner may choose among.
typedef enum kernel_search {
  SEARCH_NONE,   // the one that should suit alone
  SEARCH_EQUAL,  // those that make the same bits as that one
  SEARCH_ALL,    // all that fit and are of the device's class, or among the kernels that it was told to prefer. Where the class was left
                 // open, those of every class, but none that rounds to half precision unless that one does
} kernel_search;

// The ways of doing a node, the one that should suit first: how many. 0: kernel_choose has none.
enum { MOST_WAYS = 64 };
int kernel_ways(const device_caps *caps, const node *node, kernel_search search, way ways[MOST_WAYS]);

// Appends what does the node that way.
mote_status kernel_launch(launches *to, const node *node, const way *way, mote_error *error);

// Whether the device can do the node with it.
bool kernel_fits(const kernel *kernel, const device_caps *caps, const node *node);

// Whether `names`, separated by commas, has this one; NULL has none.
bool kernel_is_among(const kernel *kernel, const char *names);

#endif
