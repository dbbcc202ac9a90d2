// heap.c: gives freed memory back to the system. The settings are the process's, so the library leaves them alone.
#include "tools/sample/heap.h"

#include <stdlib.h>

#ifdef __GLIBC__
#include <malloc.h>

// Mesa's compiler keeps its instructions in slabs of 32 KiB, a little less with their heads.
enum { BLOCK_BYTES = 31000 };

void heap_return_blocks(void) { mallopt(M_MMAP_THRESHOLD, BLOCK_BYTES); }
void heap_trim(void) { malloc_trim(0); }
#else
void heap_return_blocks(void) {}
void heap_trim(void) {}
#endif
