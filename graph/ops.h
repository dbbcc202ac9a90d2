// ops.h: the builders of all ops, from the list in ops.def, and the attributes that rewrite rules know.
#ifndef MOTE_GRAPH_OPS_H
#define MOTE_GRAPH_OPS_H

#include "graph/graph.h"

// What batch_norm needs beside its input: all (1, C, 1, 1).
typedef struct batch_norm_tensors {
  tensor *gamma, *beta, *running_mean, *running_var;
} batch_norm_tensors;

typedef struct normal_noise_desc {
  uint32_t stream, step;  // words of the Philox counter
  bool bits;              // the raw random words instead, for tests
} normal_noise_desc;

#define OP(name, builder)     \
  extern const op name##_op;  \
  builder;
#include "graph/ops.def"
#undef OP

#endif
