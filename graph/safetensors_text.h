// safetensors_text.h: what the reader and the writer of safetensors share: checks of a header's text, text in messages.
#ifndef MOTE_GRAPH_SAFETENSORS_TEXT_H
#define MOTE_GRAPH_SAFETENSORS_TEXT_H

#include "mote.h"

// A string of a file as a message may show it: cut to what reads well, and free of terminal escapes.
typedef struct shown {
  char text[96];
} shown;

shown show(const char *string);

// Refuses what cJSON would let through or stumble over: bad UTF-8, control characters and NULs inside strings (names
// would silently end there), deep nesting, and more values than memory should be spent on.
mote_status check_header_text(const char *name, const uint8_t *text, size_t bytes, mote_error *error);

#endif
