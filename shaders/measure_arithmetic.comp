// measure_arithmetic.comp: a = a * factor + term, `rounds` × ARITHMETIC_UNROLLED times, in registers alone.
//
// One invocation runs 4 × ARITHMETIC_VECTORS chains and stores the sum of their ends, so that none can be left out.
#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#include "shaders/measure_arithmetic.h"

layout(local_size_x = PLAIN_LOCAL_SIZE) in;
layout(std430, binding = 0) writeonly buffer Sum { float sum[]; };  // one an invocation
layout(push_constant) uniform Parameters { measure_arithmetic_parameters p; };

void main() {
  vec4 a[ARITHMETIC_VECTORS];
  [[unroll]] for (int i = 0; i < ARITHMETIC_VECTORS; i++)
    a[i] = vec4(gl_LocalInvocationIndex) + vec4(0, 1, 2, 3) + float(4 * i);
  vec4 factor = vec4(p.factor), term = vec4(p.term);
  [[dont_unroll]] for (uint round = 0; round < p.rounds; round++)
    [[unroll]] for (int k = 0; k < ARITHMETIC_UNROLLED; k++)
      [[unroll]] for (int i = 0; i < ARITHMETIC_VECTORS; i++) a[i] = a[i] * factor + term;
  vec4 total = vec4(0.0);
  [[unroll]] for (int i = 0; i < ARITHMETIC_VECTORS; i++) total += a[i];
  sum[gl_GlobalInvocationID.x] = total.x + total.y + total.z + total.w;
}
