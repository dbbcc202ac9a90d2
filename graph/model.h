// model.h: what the layers beside model.c may see of a model: its metadata and where its parameters lie.
#ifndef MOTE_GRAPH_MODEL_H
#define MOTE_GRAPH_MODEL_H

#include "graph/graph.h"
#include "graph/metadata.h"

struct mote_model {
  mote_device *device;
  mote_model_info info;
  graph *parameters;  // a graph that never runs: its parameters' homes say where each lies
  buffer *buffer;     // all parameters, one behind the other
};

// Sets the home of every parameter of `graph` to where the model keeps the tensor of that name.
mote_status model_bind(const mote_model *model, graph *graph, mote_error *error);

#endif
