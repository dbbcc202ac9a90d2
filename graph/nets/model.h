// model.h: what the layers beside model.c may see of a model: its metadata and where its parameters lie.
#ifndef MOTE_GRAPH_NETS_MODEL_H
#define MOTE_GRAPH_NETS_MODEL_H

#include "graph/ir/graph.h"
#include "graph/nets/metadata.h"
#include "graph/nets/parameters.h"

struct mote_model {
  mote_device *device;
  mote_model_info info;
  parameters parameters;
  buffer *buffer;    // the weights
  uint64_t version;  // counts what changes them after the model was made
};

// mote_model_load_file, of a file whose network is `own`, which outlives the model.
mote_status model_load_own(mote_device *device, const char *path, const network *own, mote_model **model, mote_error *error);

// Lets it be of images of another size from now on, before samplers and trainers are made of it. MOTE_ERROR_UNSUPPORTED, the message
// beginning with `where`, unless its network takes them with the weights that there are.
mote_status model_set_size(mote_model *model, const char *where, int width, int height, mote_error *error);

// Fails with MOTE_ERROR_USAGE unless the model tells classes apart, or makes images.
mote_status model_check(const mote_model *model, bool classifies, mote_error *error);

// Fail with MOTE_ERROR_USAGE unless `batch` is 1 to MOTE_BATCH_MAX, and each of so many timesteps 0 to T.
mote_status batch_check(int batch, mote_error *error);
mote_status timesteps_check(const mote_model_info *info, const int32_t *timesteps, int batch, mote_error *error);

// Sets the home of every parameter of `graph` to where the model keeps the tensor of that name.
mote_status model_bind(const mote_model *model, graph *graph, mote_error *error);

#endif
