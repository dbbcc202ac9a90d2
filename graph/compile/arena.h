// arena.h: memory of its own in which the launches of one node run, to be tried.
#ifndef MOTE_GRAPH_COMPILE_ARENA_H
#define MOTE_GRAPH_COMPILE_ARENA_H

#include "graph/kernels/launch.h"

// What lies in it in one piece: a tensor with all its views, or what is bound of a buffer in which tensors have their homes.
typedef struct arena_span {
  const tensor *tensor;  // or NULL
  const buffer *buffer;
  size_t from, to;       // the bytes of it
  size_t at;             // where they lie in the arena
} arena_span;

typedef struct arena {
  mote_device *device;
  buffer *buffer;        // NULL until something needs it
  arena_span *spans;     // the node's first
  int span_count;
  size_t end;            // of them
} arena;

void arena_finish(arena *arena);

// Makes room for what the node takes and makes, and for what the launches of each of the `count` lists bind beside, with those of
// their stage of preparation. What lay there before is lost.
mote_status arena_hold(arena *arena, const node *node, const launches *lists, int count, mote_error *error);

// Gives what the launches of one list bind beside the node's tensors its places, and fills the tables among it.
mote_status arena_take(arena *arena, const node *node, const launches *launches, mote_error *error);

// Where a tensor lies that the node or the launches taken last have; its bytes, rounded up to 16.
binding arena_home(const arena *arena, const tensor *tensor);

// Fills a tensor of the node: tables with zeros, vectors of channels with positive numbers, as variances are, all else with
// numbers of both signs. All are of a usual size: what lies there by chance could be slow to compute with.
mote_status arena_fill(const arena *arena, const tensor *tensor, mote_error *error);

#endif
