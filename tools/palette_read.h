// palette_read.h: palettes from files.
#ifndef MOTE_TOOLS_PALETTE_READ_H
#define MOTE_TOOLS_PALETTE_READ_H

#include "tools/palette.h"

// Reads the colours of `path`, 1 to PALETTE_MAX distinct ones in the file's order: the pixels of a PNG (transparent ones
// left out), a GIMP palette (.gpl), or lines of RRGGBB (.hex). Grey models take the luma. For models with alpha a colour is
// opaque, and a clear one is added. Anything else is MOTE_ERROR_FORMAT that names file and line.
mote_status palette_read(const char *path, int channels, palette *palette, mote_error *error);

// Reads RGB colours of text, one a line: `R G B name` of a GIMP palette after its heading, or RRGGBB with or without #.
// `name` is for messages.
mote_status palette_parse_text(const char *name, const char *text, size_t bytes, int channels, palette *palette,
                               mote_error *error);

#endif
