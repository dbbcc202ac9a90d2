// run_once.h: a graph that is made, run one time and read: what a forward pass, a classifier's and a backward pass are.
#ifndef MOTE_GRAPH_DIFFUSION_RUN_ONCE_H
#define MOTE_GRAPH_DIFFUSION_RUN_ONCE_H

#include "graph/ir/graph.h"
#include "graph/nets/parameters.h"

enum { RUN_ONCE_TENSORS = 8 };

typedef struct run_once_desc {
  mote_device *device;
  const char *name;  // shown by debuggers
  graph *graph;      // destroyed, also on failure; NULL: there was no memory for it
  const parameters *parameters;
  buffer *weights, *gradients;  // gradients NULL: none are made
  struct {
    tensor *tensor;
    const void *rows;  // NULL: zeros
  } inputs[RUN_ONCE_TENSORS];  // up to one without a tensor
  struct {
    tensor *tensor;
    void *rows;  // NULL: not read
  } outputs[RUN_ONCE_TENSORS];  // the same
} run_once_desc;

mote_status run_once(const run_once_desc *desc, mote_error *error);

#endif
