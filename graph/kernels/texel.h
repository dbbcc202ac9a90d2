// texel.h: kernels for CPU drivers, which read through texel buffers.
#ifndef MOTE_GRAPH_KERNELS_TEXEL_H
#define MOTE_GRAPH_KERNELS_TEXEL_H

#include "graph/kernels/kernel.h"

// On CPU drivers texel reads are vectors where storage-buffer reads are scalar; a view must hold the tensor.
static inline bool reads_texels(const device_caps *caps, const tensor *tensor) {
  return caps->kernels == MOTE_KERNELS_TEXEL && tensor_bytes(tensor) / 16 <= caps->max_texel_elements;
}

// The texel kernels of convolutions need subgroups of at least 8 with shuffle, and texel views that hold the tensors (NULL entries are
// passed over); they pay on CPU drivers, where storage-buffer reads are scalar and texel reads are not.
static inline bool convolves_texels(const device_caps *caps, const tensor *const *tensors, int count) {
  if (!caps->subgroup_shuffle || caps->subgroup_size < 8) return false;
  for (int i = 0; i < count; i++)
    if (tensors[i] && tensor_bytes(tensors[i]) / 16 > caps->max_texel_elements) return false;
  return true;
}

// Whether texel views hold all that the node takes and makes.
static inline bool texels_hold(const device_caps *caps, const node *node) {
  for (int i = 0; i < node->input_count; i++)
    if (node->inputs[i] && tensor_bytes(node->inputs[i]) / 16 > caps->max_texel_elements) return false;
  for (int i = 0; i < node->output_count; i++)
    if (tensor_bytes(node->outputs[i]) / 16 > caps->max_texel_elements) return false;
  return true;
}

// The two kernels of a shader that includes shaders/glsl/vectors.glsl. `launch` takes the shader of the kernel's name.
#define VECTOR_KERNELS(name, launch) \
  KERNELS({name "_texel", MOTE_KERNELS_TEXEL, texels_hold, launch}, {name, MOTE_KERNELS_PLAIN, NULL, launch})

#endif
