// layers.h: what networks are built of: parameters and their ops, named and initialised as in PyTorch.
#ifndef MOTE_GRAPH_NETS_LAYERS_H
#define MOTE_GRAPH_NETS_LAYERS_H

#include "graph/ir/graph.h"

// Each of these is to `channels` channels, with its parameters NAMEweight and NAMEbias: `name` is "", or ends in a dot.
tensor *linear_layer(graph *graph, const char *name, tensor *x, int channels);
// Of each pixel by itself.
tensor *pixel_linear(graph *graph, const char *name, tensor *x, int channels);

tensor *square_conv(graph *graph, const char *name, tensor *x, int channels, int kernel);
tensor *square_conv_transpose(graph *graph, const char *name, tensor *x, int channels, int kernel);

// The same convolution, whose parameters a file may lack.
tensor *optional_conv(graph *graph, const char *name, tensor *x, int channels, int kernel);

// One of 3×3 that halves the image, with a `padding` as conv_down has it.
tensor *down_conv(graph *graph, const char *name, tensor *x, int channels, int padding);

tensor *group_norm_layer(graph *graph, const char *name, tensor *x);  // of eight groups and PyTorch's epsilon
tensor *group_norm_of(graph *graph, const char *name, tensor *x, int groups, float epsilon);
tensor *batch_norm_layer(graph *graph, const char *name, tensor *x, bool train);

// conv3×3, BatchNorm, GELU under the name `name`.
tensor *conv_norm_gelu(graph *graph, const char *name, tensor *x, int channels, bool train);

#endif
