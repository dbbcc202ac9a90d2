// parameters.h: which parameters a network has, and where each lies in one flat buffer.
#ifndef MOTE_GRAPH_NETS_PARAMETERS_H
#define MOTE_GRAPH_NETS_PARAMETERS_H

#include "graph/ir/graph.h"

// Weights, gradients, moments and averages are buffers of this one layout: learned parameters first, running
// statistics after them. Padding and gaps hold zeros and stay so.
typedef struct parameters {
  graph *list;           // a graph that never runs: its parameters' homes give offset and bytes
  size_t learned_bytes;  // where the running statistics begin
  size_t bytes;
} parameters;

// Lists the parameters of the network that `info` describes and fills `info`'s counts.
mote_status parameters_create(const mote_device *device, mote_model_info *info, parameters *out, mote_error *error);
void parameters_destroy(parameters *parameters);

// Gives every parameter of `graph` that has no home yet its home in `weights`, and every gradient of one its home in
// `gradients` (NULL where there are none). With both NULL the homes lie in no buffer: enough to measure what a program
// would take.
mote_status parameters_bind(const parameters *parameters, buffer *weights, buffer *gradients, graph *graph,
                            mote_error *error);

// The same for those parameters alone whose names begin with `prefix`, such as "teacher.": another network's.
mote_status parameters_bind_prefixed(const parameters *parameters, const char *prefix, buffer *weights, graph *graph,
                                     mote_error *error);

// Copies one parameter, or its gradient or average, out of a buffer of this layout, row-major. `tensor` is of the list.
mote_status parameters_read(buffer *from, const tensor *tensor, float *rows, mote_error *error);

// Refuses numbers that are not finite, as those are that F64 holds and fp32 does not, and variances below 0. `rows` is
// row-major, `where` opens the message.
mote_status parameter_check(const char *where, const tensor *tensor, const float *rows, mote_error *error);

// Dimensions as PyTorch has them; returns how many.
int parameter_dims(const tensor *tensor, uint64_t dims[4]);

#endif
