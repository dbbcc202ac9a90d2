// philox.h: the random numbers of shaders/philox.glsl on the host.
#ifndef MOTE_GRAPH_PHILOX_H
#define MOTE_GRAPH_PHILOX_H

#include <stdint.h>

typedef struct philox_block {
  uint32_t words[4];
} philox_block;

// Philox4x32-10 (Salmon et al. 2011) of a counter of four words and a key of two.
philox_block philox(philox_block counter, uint64_t key);

#endif
