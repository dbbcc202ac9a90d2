// image_format.h: the image formats that are read, one a file, and what their decoders share.
#ifndef MOTE_TOOLS_IMAGES_IMAGE_FORMAT_H
#define MOTE_TOOLS_IMAGES_IMAGE_FORMAT_H

#include "mote.h"
#include "tools/images/image.h"

// The bytes of a file, which a decoder may change, and the name that opens its messages.
typedef struct encoded_image {
  const char *name;
  uint8_t *bytes;
  size_t count;
} encoded_image;

typedef struct image_format {
  const char *format;   // as file_kind calls it
  const char *library;  // what decodes it
  const char *left_out;  // what its files are called among those that are not read for want of it
  const char *extensions[3];  // of files that ought to hold it; ends with NULL
  // Makes 8-bit RGBA; `*file_channels` is what the file holds (1 grey, 2 grey and alpha, 3 RGB, 4 RGBA). Nothing is
  // left to free after a failure. NULL: mote was built without the library.
  mote_status (*decode)(const encoded_image *file, image *image, int *file_channels, mote_error *error);
} image_format;

extern const image_format png_format, jpeg_format, webp_format;

// An image of zeros, once its size is known to be one that is read.
mote_status image_create_rgba(const encoded_image *file, uint64_t width, uint64_t height, image *image,
                              mote_error *error);

// MOTE_ERROR_FORMAT for a file whose bytes are not what its format says.
mote_status image_fail_damaged(const encoded_image *file, const char *format, const char *reason, mote_error *error);

#endif
