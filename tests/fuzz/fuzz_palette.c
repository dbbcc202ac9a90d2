// fuzz_palette.c: whatever the text, parsing fails with a message or gives distinct colours.
#include <stdlib.h>
#include <string.h>

#include "tools/images/palette_read.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static void check(bool condition) {
  if (!condition) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes) {
  for (int channels = 1; channels <= 4; channels++) {
    mote_error error = {0};
    palette palette;
    mote_status status = palette_parse_text("fuzz", (const char *)data, bytes, channels, &palette, &error);
    check(status == error.status && !status == !error.message[0]);
    if (status) continue;
    check(palette.count >= 1 && palette.count <= PALETTE_MAX && palette.channels == channels);
    for (int i = 0; i < palette.count; i++)
      for (int j = 0; j < i; j++) check(memcmp(palette.colours[i], palette.colours[j], (size_t)channels) != 0);
    for (int i = 0; i < palette.count; i++) check(palette_nearest(&palette, palette.colours[i]) == i);
  }
  return 0;
}
