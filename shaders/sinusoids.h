// sinusoids.h: parameters of sinusoids.comp.
#include "shaders/types.h"

#define SINUSOIDS_WORDS 2  // of a frequency in its table: turns a unit of time, as a fraction of 64 bits, the upper half first

struct sinusoids_parameters {
  uint channels;
  uint values;     // N · C, C filled up to eights
  uint cos_first;  // 1: cosines, then sines
};
