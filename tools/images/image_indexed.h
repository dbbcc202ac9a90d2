// image_indexed.h: pictures of few colours as PNGs that name colours by their place in a palette.
#ifndef MOTE_TOOLS_IMAGES_IMAGE_INDEXED_H
#define MOTE_TOOLS_IMAGES_IMAGE_INDEXED_H

#include "tools/images/image.h"
#include "tools/images/palette.h"

// Encodes with the palette's colours in their order, and after them those of the picture that it lacks, with alpha where
// some are not opaque. A picture of more than 256 colours, or without a palette (of no colours), is written as image_write_png does.
mote_status image_write_png_indexed(const image *image, const palette *palette, file_writer *writer, mote_error *error);

#endif
