// texel.h: when a convolution takes its kernel for CPU drivers.
#ifndef MOTE_GRAPH_KERNELS_TEXEL_H
#define MOTE_GRAPH_KERNELS_TEXEL_H

#include "graph/ir/graph.h"

// On CPU drivers texel reads are vectors where storage-buffer reads are scalar; a view must hold the tensor.
static inline bool reads_texels(const device_caps *caps, const tensor *tensor) {
  return caps->kernels == MOTE_KERNELS_TEXEL && tensor_bytes(tensor) / 16 <= caps->max_texel_elements;
}

// The texel kernels need subgroups of at least 8 with shuffle, and texel views that hold the tensors (NULL entries are
// passed over); they pay on CPU drivers, where storage-buffer reads are scalar and texel reads are not.
static inline bool prefers_texels(const device_caps *caps, const tensor *const *tensors, int count) {
  if (caps->kernels != MOTE_KERNELS_TEXEL || !caps->subgroup_shuffle || caps->subgroup_size < 8) return false;
  for (int i = 0; i < count; i++)
    if (tensors[i] && tensor_bytes(tensors[i]) / 16 > caps->max_texel_elements) return false;
  return true;
}

// The variant of a shader that includes shaders/glsl/vectors.glsl, for reading `tensor`.
#define VECTOR_SHADER(caps, name, tensor) (reads_texels(caps, tensor) ? name "_texel" : name)

#endif
