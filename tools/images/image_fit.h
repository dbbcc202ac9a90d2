// image_fit.h: brings RGBA images to another size: cut, filled up, or resized.
#ifndef MOTE_TOOLS_IMAGES_IMAGE_FIT_H
#define MOTE_TOOLS_IMAGES_IMAGE_FIT_H

#include "mote.h"
#include "tools/images/image.h"

// Another size by new pixels, each the mean of the area that it covers, colours weighted by alpha: whole factors upwards repeat
// pixels, whole factors downwards average blocks.
mote_status image_resize(const image *source, int width, int height, image *resized, mote_error *error);

// Another size of the same pixels, whose middle stays in the middle: what is too much is cut off, what is missing is clear.
mote_status image_reframe(const image *source, int width, int height, image *reframed, mote_error *error);

#endif
