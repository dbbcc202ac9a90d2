// parallel.h: one thread a core for jobs that come in numbers.
#ifndef MOTE_TOOLS_PARALLEL_H
#define MOTE_TOOLS_PARALLEL_H

#include <stdint.h>

// A mote_parallel_fn: as many threads as the machine has cores, the calling one among them, take the jobs in order. A
// thread that cannot be made is done without. `user` is not looked at.
void parallel_run(void *user, void (*job)(void *data, uint32_t index), void *data, uint32_t count);

#endif
