// layers.h: what networks are built of: parameters and their ops, named as in PyTorch.
#ifndef MOTE_GRAPH_NETS_LAYERS_H
#define MOTE_GRAPH_NETS_LAYERS_H

#include "graph/ir/graph.h"

// A parameter that is a number a channel.
tensor *channel_vector(graph *graph, const char *name, int channels);

// A kernel × kernel convolution to `channels` channels, its parameters under these names.
tensor *square_conv(graph *graph, tensor *x, const char *weight, const char *bias, int channels, int kernel);

// conv3×3, BatchNorm, GELU under the name `name`.
tensor *conv_norm_gelu(graph *graph, const char *name, tensor *x, int channels, bool train);

#endif
