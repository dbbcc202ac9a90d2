// fuse.h: rewrite rules that merge nodes into the epilogue or the inputs of the node beside them.
#ifndef MOTE_GRAPH_COMPILE_FUSE_H
#define MOTE_GRAPH_COMPILE_FUSE_H

#include "graph/ir/graph.h"

enum {
  FUSE_CONCAT = 1,      // concat into the conv that takes its output, as two inputs
  FUSE_BATCH_NORM = 2,  // batch_norm with running statistics into the weights of the conv before it
  FUSE_ACTIVATION = 4,  // activation into the epilogue of the op before them
  FUSE_ADD = 8,         // add into the epilogue of the conv, batch_norm or mean_pool_backward that makes its second operand
  // A bias in front of a batch_norm by the batch's statistics, which subtracts it again, gets no gradient: it is zero but
  // for rounding. Nothing writes it, so the buffer of gradients begins with zeros.
  FUSE_BIAS = 16,
  FUSE_TRANSPOSE = 32,       // the transposed weights that data gradients take: several a dispatch
  FUSE_SCALE = 64,      // scale_shift into the norm before it, after its activation
  FUSE_POOL = 128,      // mean_pool into the max_pool before it, where images are small
  FUSE_ADVANCE = 256,   // step_advance into the sampler_update before it
  FUSE_LINEAR = 512,    // linear layers that do not depend on one another, and their gradients: several a dispatch
  FUSE_LOSS = 1024,     // the sum over the images of mse or cross_entropy into train_control
  FUSE_WEIGHT_GRADIENT = 2048,  // weight gradients of convolutions: several a dispatch
  FUSE_SPLIT = 4096,    // the data gradients of two concatenated inputs: both a dispatch
  FUSE_MAX_POOL = 8192, // max_pool into the batch_norm before it, after its activation, in training
  FUSE_ALL = 16383,
  // What works before graph_backward, and changes its nodes.
  FUSE_FORWARD = FUSE_CONCAT | FUSE_ACTIVATION | FUSE_BIAS | FUSE_SCALE | FUSE_MAX_POOL,
};

// Applies `rules` to the whole graph. Every rule keeps the results, up to rounding; each can be left out.
mote_status fuse(graph *graph, unsigned rules, mote_error *error);

#endif
