// palette_read.h: palettes from files.
#ifndef MOTE_TOOLS_IMAGES_PALETTE_READ_H
#define MOTE_TOOLS_IMAGES_PALETTE_READ_H

#include "tools/images/palette.h"

// Reads the colours of `path`, 1 to PALETTE_MAX distinct ones in the file's order: the pixels of an image, a GIMP palette
// (.gpl), a JASC palette (.pal), or lines of RRGGBB (.hex, .txt). The content tells which; the name does not matter. Transparent
// colours are left out. Grey models take the luma. For models with alpha a colour is opaque, and a clear one is added. Anything
// else is MOTE_ERROR_FORMAT that names the file, and the line or what the file is.
mote_status palette_read(const char *path, int channels, palette *palette, mote_error *error);

// Reads the colours of text, one a line: `R G B name` of a GIMP palette after its heading, with a fourth number after
// `Channels: RGBA`; `R G B` of a JASC palette; or RRGGBB with or without #, or Paint.NET's AARRGGBB. `name` is for messages.
mote_status palette_parse_text(const char *name, const char *text, size_t bytes, int channels, palette *palette,
                               mote_error *error);

#endif
