// image_read.h: reads image files, and turns RGBA into the channels that a model has.
#ifndef MOTE_TOOLS_IMAGES_IMAGE_READ_H
#define MOTE_TOOLS_IMAGES_IMAGE_READ_H

#include <stdbool.h>

#include "mote.h"
#include "runtime/file_kind.h"
#include "tools/images/image.h"

#define IMAGE_READ_MAX_SIDE 16384

// Decodes the image at `path`, of any format that is read, to 8-bit RGBA, whatever it holds: of 16 bits the upper 8, and upright
// where EXIF data tell how it was taken.
// `*file_channels` is what it holds (1 grey, 2 grey and alpha, 3 RGB, 4 RGBA). Anything else than a whole image is
// MOTE_ERROR_FORMAT that says what is wrong with it. The format is told from the content; the name does not matter.
mote_status image_read(const char *path, image *image, int *file_channels, mote_error *error);

// The same for the bytes of a file, which may be changed by it; `name` opens messages.
mote_status image_decode(const char *name, uint8_t *bytes, size_t count, image *image, int *file_channels,
                         mote_error *error);

// Whether files of that kind (NULL: unknown) are images that this build reads.
bool image_kind_is_read(const file_kind *kind);

// Whether the file's name says so, in upper or lower case.
bool image_name_is_read(const char *name);

// What files of a kind (NULL: unknown) that is not read are called in a count of them.
const char *image_kind_left_out(const file_kind *kind);

// RGBA pixels as `channels` bytes each: 4 as they are; 3 composited on `background` (RGB); 1 the luma (BT.601) of that;
// 2 luma and alpha.
void pixels_convert(const uint8_t *rgba, size_t count, int channels, const uint8_t *background, uint8_t *out);

// In place, for pixels of 2 or 4 channels; others stay as they are. Opaque pixels stay the same both ways, clear ones
// lose their colour.
void pixels_premultiply(uint8_t *pixels, size_t count, int channels);
void pixels_unpremultiply(uint8_t *pixels, size_t count, int channels);

#endif
