// norm_lanes.h: how the kernels of batch_norm and group_norm share out their work.
#ifndef MOTE_GRAPH_NORM_LANES_H
#define MOTE_GRAPH_NORM_LANES_H

#include "graph/texel.h"

// Invocations of a workgroup that reads `x`, a power of two: one vector register on CPU drivers, where a barrier between
// several costs more than it gains, else `most`, or what the device allows.
static inline uint32_t norm_lanes(const device_caps *caps, const tensor *x, uint32_t most) {
  if (reads_texels(caps, x)) return 8;
  uint32_t lanes = most;
  while (lanes > caps->max_invocations) lanes /= 2;
  return lanes;
}

// How many pairs of lanes share an image of `pixels` pixels when several images are at hand: a power of two.
static inline uint32_t norm_columns(uint32_t lanes, int pixels) {
  uint32_t columns = lanes / 2;
  while (columns > (uint32_t)pixels) columns /= 2;
  return columns;
}

#endif
