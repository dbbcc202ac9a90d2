// norm_lanes.h: how the kernels of norms, and others that sum over pixels, share out their work.
#ifndef MOTE_GRAPH_KERNELS_NORM_LANES_H
#define MOTE_GRAPH_KERNELS_NORM_LANES_H

#include "graph/kernels/texel.h"

enum { MOST_LANES = 256, MAX_SLICES = 32 };

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

// How many slices of the images the workgroups of batch_norm share out: on CPU drivers one, which takes one dispatch.
// GPUs want more workgroups than there are blocks of eight channels, but 1024 pixels for each at least.
static inline uint32_t norm_slices(const device_caps *caps, shape x) {
  if (!caps || caps->kernels < MOTE_KERNELS_TILED) return 1;
  uint64_t slices = (uint64_t)x.n * (uint64_t)(x.h * x.w) / 1024;
  if (slices > MAX_SLICES) slices = MAX_SLICES;
  if (slices > (uint64_t)x.n) slices = (uint64_t)x.n;
  return slices ? (uint32_t)slices : 1;
}

#endif
