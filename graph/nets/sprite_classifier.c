// sprite_classifier.c: builds the network that judges generated images, f = n_feat features wide.
#include "graph/nets/layers.h"
#include "graph/nets/network.h"
#include "graph/ops/ops.h"

static tensor *half_size(graph *graph, const char *name, tensor *x) {
  graph_push(graph, name);
  x = max_pool(graph, x);
  graph_pop(graph);
  return x;
}

// Two convolutions f wide at h × h, two 2f wide at h/2, one at h/4, each with BatchNorm and GELU; features are its means over the
// image, (N, 2f, 1, 1).
static network_outputs build(graph *graph, const mote_model_info *info, const network_inputs *inputs) {
  network_outputs out = {0};
  int f = info->n_feat;
  bool train = inputs->train;
  tensor *x = inputs->x;
  x = conv_norm_gelu(graph, "conv1", x, f, train);      // (N, f, h, h)
  x = conv_norm_gelu(graph, "conv2", x, f, train);
  x = half_size(graph, "pool1", x);
  x = conv_norm_gelu(graph, "conv3", x, 2 * f, train);  // (N, 2f, h/2, h/2)
  x = conv_norm_gelu(graph, "conv4", x, 2 * f, train);
  x = half_size(graph, "pool2", x);
  x = conv_norm_gelu(graph, "conv5", x, 2 * f, train);  // (N, 2f, h/4, h/4)
  graph_push(graph, "classes");
  out.features = mean_pool(graph, x);
  out.y = linear_layer(graph, "", out.features, info->n_cfeat);
  graph_pop(graph);
  return out;
}

#define FIRST "conv1.0.weight"

static const network_setting settings[] = {
    {SETTING_CHANNELS, .tensor = FIRST, .dim = 1, .factor = 1},
    {SETTING_HEIGHT, .multiple = 4},
    {SETTING_WIDTH, .multiple = 4},
    {SETTING_FEATURES, .usual = "32", .tensor = FIRST, .dim = 0, .factor = 1},
    {SETTING_CONTEXT, .tensor = "classes.weight", .dim = 0, .factor = 1},
    {0},
};

const network sprite_classifier_network = {
    .name = "sprite_classifier", .classifies = true, .settings = settings, .build = build};
