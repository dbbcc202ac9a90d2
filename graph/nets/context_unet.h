// context_unet.h: the UNet with time and context embeddings, its parameters named as in PyTorch.
#ifndef MOTE_GRAPH_NETS_CONTEXT_UNET_H
#define MOTE_GRAPH_NETS_CONTEXT_UNET_H

#include "graph/ir/graph.h"

#define CONTEXT_UNET "context_unet"
#define CONTEXT_UNET_FIRST "init_conv.conv1.0.weight"  // the tensor that tells channels and n_feat

typedef struct context_unet_inputs {
  tensor *x;        // (N, C, h, h)
  tensor *time;     // (N, 1, 1, 1): t/T of each image; with `step`, (steps, 1, 1, 1): of each step
  tensor *context;  // (N, K, 1, 1)
  tensor *step;     // the step buffer: all images are at the current step, and embeddings are made once; or NULL
  bool train;       // BatchNorm by the batch's own statistics
} context_unet_inputs;

// Appends the network and returns its output, (N, C, h, h). `info` gives channels, height, n_feat and n_cfeat.
tensor *context_unet(graph *graph, const mote_model_info *info, const context_unet_inputs *inputs);

#endif
