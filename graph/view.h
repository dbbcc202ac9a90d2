// view.h: several tensors as parts of one, so that one binding holds them for a kernel that works on all of them.
#ifndef MOTE_GRAPH_VIEW_H
#define MOTE_GRAPH_VIEW_H

#include "graph/graph.h"

// Puts an activation behind those that `whole`, an activation of one element when it is new, already holds.
void view_append(tensor *whole, tensor *part, size_t alignment);

// Widens `all`, an external tensor, to hold `part` too; both are of one buffer.
void view_widen(tensor *all, const binding *part);

#endif
