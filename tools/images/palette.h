// palette.h: chooses the few colours that stand for many (median cut), and maps pixels to them.
#ifndef MOTE_TOOLS_IMAGES_PALETTE_H
#define MOTE_TOOLS_IMAGES_PALETTE_H

#include <stddef.h>
#include <stdint.h>

#include "mote.h"

#define PALETTE_MAX 256

typedef struct palette {
  int channels;                     // 1 to 4
  int count;                        // 1 to PALETTE_MAX
  uint8_t colours[PALETTE_MAX][4];  // the first `channels` bytes of each
} palette;

// Pixels that a palette is to be built from; a pixel counts `weight` times.
typedef struct palette_source {
  const uint8_t *pixels;  // count × channels bytes
  size_t count;
  uint32_t weight;  // 1 to 65535
} palette_source;

// At most `colour_count` colours (2 to PALETTE_MAX), the very ones of the sources when these have no more. The same
// sources give the same palette everywhere: integers only. Of more than 4 million pixels it looks at an even part.
mote_status palette_build(const palette_source *sources, size_t source_count, int channels, int colour_count,
                          palette *palette, mote_error *error);

// The index of the colour nearest to `pixel` (`channels` bytes); the first of several equally near.
int palette_nearest(const palette *palette, const uint8_t *pixel);

// Replaces each of `count` pixels by its nearest colour. No dithering: it would break up a sprite's flat areas.
void palette_snap(const palette *palette, uint8_t *pixels, size_t count);

#endif
