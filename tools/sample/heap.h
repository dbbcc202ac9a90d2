// heap.h: keeps the program's memory small where the C library has the means (glibc); elsewhere these do nothing.
#ifndef MOTE_TOOLS_SAMPLE_HEAP_H
#define MOTE_TOOLS_SAMPLE_HEAP_H

// Before a CPU driver makes pipelines: the blocks that its compiler frees go back to the system at once. Costs a
// pipeline about 1 ms.
void heap_return_blocks(void);

// Behind the making of pipelines: what lies free between the blocks that are left goes back too. A few milliseconds.
void heap_trim(void);

#endif
