// initial_weights.h: the weights that training begins with.
#ifndef MOTE_GRAPH_NETS_INITIAL_WEIGHTS_H
#define MOTE_GRAPH_NETS_INITIAL_WEIGHTS_H

#include "graph/nets/parameters.h"

// Fresh weights, drawn from `seed` by what each parameter says of itself, from a stream of its own, numbered by its place among
// the parameters: no other tensor of the network changes them. They go into `packed`, of parameters->bytes bytes.
mote_status parameters_draw(const parameters *parameters, uint64_t seed, float *packed, mote_error *error);

#endif
