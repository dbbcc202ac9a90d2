// image_orient.h: the way up that a file's EXIF data ask for.
#ifndef MOTE_TOOLS_IMAGES_IMAGE_ORIENT_H
#define MOTE_TOOLS_IMAGES_IMAGE_ORIENT_H

#include "tools/images/image_format.h"

// Orientation of the EXIF standard, 1 to 8, of a PNG, JPEG or WebP file; 1, as stored, where it has none or it is damaged.
int image_orientation(const encoded_image *file);

// Turns and mirrors pixels that were stored in that orientation.
mote_status image_set_upright(const encoded_image *file, int orientation, image *image, mote_error *error);

#endif
