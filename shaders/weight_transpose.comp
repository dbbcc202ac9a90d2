// weight_transpose.comp: exchanges input and output channels of a weight, w'[c, o, t] = w[o, c, t'], with t' = t or,
// turned by half a circle, taps - 1 - t: the weight of the data gradient. One invocation: one element.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "shaders/index.glsl"
#include "shaders/weight_transpose.h"

layout(local_size_x = PLAIN_LOCAL_SIZE) in;
layout(binding = 0) readonly buffer W { float w[]; };          // (O, C, k, k) WEIGHT
layout(binding = 1) writeonly buffer Turned { float turned[]; };  // (C, O, k, k) WEIGHT
layout(push_constant) uniform Push { weight_transpose_parameters p; };

void main() {
  uint i = invocation_index();
  uint outs = p.out_blocks * 8, ins = p.in_quads * 4;
  if (i >= outs * ins * p.taps) return;
  // i counts elements of the result: [c/8][o/4][t][c%8][o%4].
  uint o4 = i % 4, c8 = i / 4 % 8, t = i / 32 % p.taps, oq = i / (32 * p.taps) % (outs / 4), cb = i / (8 * outs * p.taps);
  uint o = oq * 4 + o4, c = cb * 8 + c8, from = p.flip != 0 ? p.taps - 1 - t : t;
  turned[i] = w[(((o / 8 * p.in_quads + c / 4) * p.taps + from) * 8 + o % 8) * 4 + c % 4];
}
