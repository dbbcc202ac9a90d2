// sprite_classifier.c: builds the network that judges generated images, f = n_feat features wide.
#include "graph/nets/sprite_classifier.h"

#include <string.h>

#include "graph/nets/layers.h"
#include "graph/ops/ops.h"

bool is_classifier(const mote_model_info *info) { return !strcmp(info->architecture, SPRITE_CLASSIFIER); }

static tensor *half_size(graph *graph, const char *name, tensor *x) {
  graph_push(graph, name);
  x = max_pool(graph, x);
  graph_pop(graph);
  return x;
}

classifier_outputs sprite_classifier(graph *graph, const mote_model_info *info, tensor *x, bool train) {
  classifier_outputs out = {0};
  int f = info->n_feat;
  if (!x) return out;
  x = conv_norm_gelu(graph, "conv1", x, f, train);      // (N, f, h, h)
  x = conv_norm_gelu(graph, "conv2", x, f, train);
  x = half_size(graph, "pool1", x);
  x = conv_norm_gelu(graph, "conv3", x, 2 * f, train);  // (N, 2f, h/2, h/2)
  x = conv_norm_gelu(graph, "conv4", x, 2 * f, train);
  x = half_size(graph, "pool2", x);
  x = conv_norm_gelu(graph, "conv5", x, 2 * f, train);  // (N, 2f, h/4, h/4)
  graph_push(graph, "classes");
  out.features = mean_pool(graph, x);
  tensor *weight = graph_parameter(graph, "weight", (shape){info->n_cfeat, 2 * f, 1, 1}, LAYOUT_WEIGHT);
  out.logits = linear(graph, out.features, weight, channel_vector(graph, "bias", info->n_cfeat));
  graph_pop(graph);
  return out;
}
