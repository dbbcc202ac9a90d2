// sprite_classifier.h: a small network that tells which class an image is of: a ruler for generated images.
#ifndef MOTE_GRAPH_NETS_SPRITE_CLASSIFIER_H
#define MOTE_GRAPH_NETS_SPRITE_CLASSIFIER_H

#include "graph/ir/graph.h"

#define SPRITE_CLASSIFIER "sprite_classifier"
#define SPRITE_CLASSIFIER_FIRST "conv1.0.weight"  // the tensor that tells channels and n_feat

typedef struct classifier_outputs {
  tensor *features;  // (N, 2f, 1, 1)
  tensor *logits;    // (N, K, 1, 1)
} classifier_outputs;

bool is_classifier(const mote_model_info *info);

// Appends the network: two convolutions f wide at h × h, two 2f wide at h/2, one at h/4, each with BatchNorm and GELU;
// features are its means over the image, logits linear in them. `info` gives channels, n_feat and n_cfeat.
classifier_outputs sprite_classifier(graph *graph, const mote_model_info *info, tensor *x, bool train);

#endif
