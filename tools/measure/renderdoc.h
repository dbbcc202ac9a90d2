// renderdoc.h: takes a RenderDoc capture of what runs between two calls.
#ifndef MOTE_TOOLS_MEASURE_RENDERDOC_H
#define MOTE_TOOLS_MEASURE_RENDERDOC_H

#include <limits.h>

#include "mote.h"

typedef struct renderdoc {
  const void *api;          // RENDERDOC_API_1_4_0, of a library that stays loaded
  char template[PATH_MAX];      // what RenderDoc names its file by
  char written[PATH_MAX + 64];  // that file, from renderdoc_end on
} renderdoc;

// Loads RenderDoc. It sees only devices that are made afterwards. MOTE_ERROR_UNSUPPORTED, with what to install, when
// this build or this system has none.
mote_status renderdoc_init(renderdoc *renderdoc, mote_error *error);

// What is submitted until renderdoc_end becomes one frame. `path` is where it will lie; RenderDoc writes beside it.
mote_status renderdoc_start(renderdoc *renderdoc, const char *path, mote_error *error);

// Writes the capture, which waits under a name of its own. On failure nothing is left behind.
mote_status renderdoc_end(renderdoc *renderdoc, mote_error *error);

// Gives the capture its name, replacing what is there. On failure nothing is left behind.
mote_status renderdoc_keep(renderdoc *renderdoc, const char *path, mote_error *error);

// Instead of renderdoc_keep, or of renderdoc_end, when what was to be captured or goes with it failed.
void renderdoc_discard(renderdoc *renderdoc);

#endif
