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
  bool half;         // rounds what it multiplies to half precision
  bool cooperative;  // multiplies cooperative matrices, where the device has them, in waves as wide as its subgroups
} kernel;

// A table, for the `kernels` of an op.
#define KERNELS(...) ((const kernel[]){__VA_ARGS__, {0}})
#define ONE_KERNEL(name, launch) KERNELS({name, MOTE_KERNELS_PLAIN, NULL, launch})

// The kernel that a node takes on a device: the first that fits and is among those that the device was told to prefer, or else of
// its class.
const kernel *kernel_choose(const device_caps *caps, const node *node);

// Whether the device can do the node with it.
bool kernel_fits(const kernel *kernel, const device_caps *caps, const node *node);

// Whether `names`, separated by commas, has this one; NULL has none.
bool kernel_is_among(const kernel *kernel, const char *names);

#endif
