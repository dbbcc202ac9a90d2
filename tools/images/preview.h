// preview.h: shows a picture in the terminal, by libchafa: as kitty's or sixel graphics where the terminal is known to
// take them, else as half blocks, two pixels a character.
#ifndef MOTE_TOOLS_IMAGES_PREVIEW_H
#define MOTE_TOOLS_IMAGES_PREVIEW_H

#include "tools/images/image.h"

// MOTE_ERROR_UNSUPPORTED when mote was built without libchafa.
mote_status preview_check(mote_error *error);

// How many tiles of `width` pixels fit side by side, each pixel of its own; at least 1.
int preview_columns(int width);

// Prints to stdout; `image` may be of any channels. What is wider than the terminal is shown smaller.
mote_status preview_print(const image *image, mote_error *error);

#endif
