// pack_pixels.h: parameters of pack_pixels.comp.
#include "shaders/types.h"

struct pack_pixels_parameters {
  uint count;     // N · H·S · W·S
  uint channels;  // 1 to 4
  uint height, width;
  uint scale;     // S: each pixel becomes S × S
};
