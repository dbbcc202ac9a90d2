// layers.c: parameters and their ops, as PyTorch's modules join them.
#include "graph/nets/layers.h"

#include "graph/ops/ops.h"

tensor *channel_vector(graph *graph, const char *name, int channels) {
  return graph_parameter(graph, name, (shape){1, channels, 1, 1}, LAYOUT_C8);
}

static tensor *statistic(graph *graph, const char *name, int channels) {
  return graph_statistic(graph, name, (shape){1, channels, 1, 1}, LAYOUT_C8);
}

tensor *square_conv(graph *graph, tensor *x, const char *weight, const char *bias, int channels, int kernel) {
  if (!x) return NULL;
  tensor *w = graph_parameter(graph, weight, (shape){channels, x->shape.c, kernel, kernel}, LAYOUT_WEIGHT);
  return conv(graph, x, w, channel_vector(graph, bias, channels));
}

tensor *conv_norm_gelu(graph *graph, const char *name, tensor *x, int channels, bool train) {
  graph_push(graph, name);
  x = square_conv(graph, x, "0.weight", "0.bias", channels, 3);
  const batch_norm_tensors norm = {.gamma = channel_vector(graph, "1.weight", channels),
                                   .beta = channel_vector(graph, "1.bias", channels),
                                   .running_mean = statistic(graph, "1.running_mean", channels),
                                   .running_var = statistic(graph, "1.running_var", channels)};
  x = gelu(graph, batch_norm(graph, x, &norm, train));
  graph_pop(graph);
  return x;
}
