// kernel_names.h: the names of all kernels.
#ifndef MOTE_GRAPH_OPS_KERNEL_NAMES_H
#define MOTE_GRAPH_OPS_KERNEL_NAMES_H

// The first of the names, separated by commas, that no op has a kernel of: where it begins. NULL: there are kernels of all.
const char *kernel_names_unknown(const char *names);

#endif
