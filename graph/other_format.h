// other_format.h: what a file is that is given for a safetensors file and is none.
#ifndef MOTE_GRAPH_OTHER_FORMAT_H
#define MOTE_GRAPH_OTHER_FORMAT_H

#include <stddef.h>

enum { OTHER_FORMAT_BYTES = 96 };  // of the file's beginning, which are enough to tell

// "a PyTorch checkpoint; ..." from the first `bytes` bytes of a file, or NULL if they are of no known format.
const char *other_format(const void *head, size_t bytes);

#endif
