// gif.h: writes a row of equally large images as a GIF animation.
#ifndef MOTE_TOOLS_IMAGES_GIF_H
#define MOTE_TOOLS_IMAGES_GIF_H

#include "mote.h"
#include "runtime/file.h"

typedef struct gif_desc {
  const uint8_t *const *frames;  // frame_count images of height × width × channels bytes
  int frame_count;               // 1 or more
  int width, height;             // pixels of a frame, as given
  int channels;                  // 1 to 4; alpha is composited on white
  int scale;                     // each pixel becomes a square of scale × scale; 0: 1
  int delay;                     // hundredths of a second a frame is shown; 0: 6
  int last_delay;                // the same of the last frame; 0: 200
} gif_desc;

// MOTE_ERROR_USAGE when a frame would be larger than GIF's 65535 pixels a side; `frames` is not looked at.
mote_status gif_check(const gif_desc *desc, mote_error *error);

// The bytes of a GIF that loops for ever, in one palette of 256 colours chosen for all frames with as much regard for
// the last one as for all others together. `*gif` is the caller's to free().
mote_status gif_encode(const gif_desc *desc, uint8_t **gif, size_t *bytes, mote_error *error);

// Encodes into an open writer and flushes it, so that a full disk shows before anything is committed.
mote_status gif_write(const gif_desc *desc, file_writer *writer, mote_error *error);

#endif
