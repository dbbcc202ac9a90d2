// pack_pixels.h: parameters of pack_pixels.comp.
#include "shaders/types.h"

struct pack_pixels_parameters {
  uint count;     // N · H · W
  uint channels;  // 1 to 4
};
