// linear.glsl: what this workgroup's layer is, of the several that linear.comp and its gradients take a dispatch.
#include "shaders/linear.h"

layout(push_constant) uniform Push { linear_parameters p; };

struct linear_layer {
  uint first[LINEAR_TENSORS];  // where its part of each binding begins, in vec4s
  uint batch, in_quads, outs;  // padding included
};

linear_layer find_layer() {
  uint word = gl_WorkGroupID.z * LINEAR_WORDS;
  uint sizes = p.words[word + LINEAR_SIZES];
  linear_layer layer;
  [[unroll]] for (uint i = 0; i < LINEAR_TENSORS; i++) layer.first[i] = p.words[word + i];
  layer.batch = p.words[word + LINEAR_BATCH];
  layer.in_quads = sizes & 0xFFFFu;
  layer.outs = (sizes >> 16) * 8;
  return layer;
}
