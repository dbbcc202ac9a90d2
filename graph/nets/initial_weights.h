// initial_weights.h: the weights that training begins with.
#ifndef MOTE_GRAPH_NETS_INITIAL_WEIGHTS_H
#define MOTE_GRAPH_NETS_INITIAL_WEIGHTS_H

#include "graph/nets/parameters.h"

// Fresh weights as PyTorch initialises its modules, drawn from `seed`, into `packed`, of parameters->bytes bytes.
mote_status parameters_draw(const parameters *parameters, uint64_t seed, float *packed, mote_error *error);

#endif
