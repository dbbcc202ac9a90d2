// weight_transpose.comp: exchanges input and output channels of weights, w'[c, o, t] = w[o, c, t'], with t' = t or,
// rotated by half a circle, taps - 1 - t: the weights of data gradients. Several weights a dispatch, one a layer of
// workgroups. One invocation: all taps of four output channels of one input channel; it divides nothing, which CPU drivers
// do lane by lane.
// Worth it: llvmpipe (Mesa 22.3), the 22 weights of f 64: 4 ms; one element an invocation, with divisions, 24 ms.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "shaders/glsl/vectors.glsl"
#include "shaders/weight_transpose.h"

layout(local_size_x = 8, local_size_y = 8) in;
VECTORS(0, W, w);                                           // (O, C, k, k) WEIGHT, several
layout(binding = 1) writeonly buffer Transposed { vec4 transposed[]; };  // (C, O, k, k) WEIGHT, several
layout(binding = 2) readonly buffer Table { uint words[]; };     // one row a weight, raw

void main() {
  uint word = gl_WorkGroupID.z * WEIGHT_TRANSPOSE_WORDS;
  uint quads = words[word + WEIGHT_TRANSPOSE_QUADS], outs = quads & 0xFFFFu, ins = quads >> 16;
  uint taps = words[word + WEIGHT_TRANSPOSE_TAPS] & 0xFFFFu, flip = words[word + WEIGHT_TRANSPOSE_TAPS] >> 16;
  uint c = gl_WorkGroupID.y * 8 + gl_LocalInvocationID.x, out_quad = gl_WorkGroupID.x * 8 + gl_LocalInvocationID.y;
  if (out_quad >= outs || c >= ins * 4) return;
  uint from = words[word + WEIGHT_TRANSPOSE_FROM] + (out_quad / 2 * ins + c / 4) * taps * 8 + out_quad % 2 * 4;
  uint to = words[word + WEIGHT_TRANSPOSE_TO] + (gl_WorkGroupID.y * outs + out_quad) * taps * 8 + c % 8;
  for (uint t = 0; t < taps; t++) {
    uint at = from + (flip != 0 ? taps - 1 - t : t) * 8;
    transposed[to + t * 8] = vec4(AT(w, at)[c % 4], AT(w, at + 1)[c % 4], AT(w, at + 2)[c % 4], AT(w, at + 3)[c % 4]);
  }
}
