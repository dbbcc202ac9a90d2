// philox.h: the random numbers of shaders/glsl/philox.glsl on the host.
#ifndef MOTE_GRAPH_IR_PHILOX_H
#define MOTE_GRAPH_IR_PHILOX_H

#include <stdint.h>

typedef struct philox_block {
  uint32_t words[4];
} philox_block;

// Philox4x32-10 (Salmon et al. 2011) of a counter of four words, the last one a stream of shaders/streams.h, and a key of two.
philox_block philox(philox_block counter, uint64_t key);

// A number between -1 and 1, evenly spread and never an end.
double philox_uniform(philox_block counter, uint64_t key);

// A normal number in double precision, by Box and Muller. Not what the device draws.
double philox_normal(philox_block counter, uint64_t key);

#endif
