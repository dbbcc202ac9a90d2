// measure_matrix.comp: sums += left · right of matrices of 16 × 16 in half precision, `rounds` × MEASURE_MATRIX_UNROLLED
// times, operands and sums staying where products take them from.
//
// One wave runs MEASURE_MATRIX_SUMS chains; each of its invocations stores a sum of their ends, so that none can be left out.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "shaders/glsl/index.glsl"
#include "shaders/measure_matrix.h"

layout(local_size_x_id = MEASURE_MATRIX_LOCAL) in;
layout(constant_id = MEASURE_MATRIX_LOCAL) const int LOCAL = 128;
layout(constant_id = MEASURE_MATRIX_WAVE) const int WAVE = 32;
layout(binding = 0) writeonly buffer Ends { vec4 ends[]; };  // one an invocation
layout(push_constant) uniform Parameters { measure_matrix_parameters p; };

const int ROW = 6;  // as conv_matrix.comp spaces them
const int OPERANDS = 32 * ROW;
const int RESULTS = LOCAL / WAVE * 256;

#include "shaders/glsl/matrices.glsl"

void main() {
  for (int i = int(gl_LocalInvocationID.x); i < OPERANDS; i += LOCAL) operands[i] = to_half_vector(vec4(p.value));
  barrier();
  left_matrix left;
  right_matrix right;
  load_left(left, 0);
  load_right(right, 16 * ROW);
  sum_matrix sums[MEASURE_MATRIX_SUMS];
  [[unroll]] for (int i = 0; i < MEASURE_MATRIX_SUMS; i++) clear_sums(sums[i]);
  [[dont_unroll]] for (uint round = 0; round < p.rounds; round++)
    [[unroll]] for (int k = 0; k < MEASURE_MATRIX_UNROLLED; k++)
      [[unroll]] for (int i = 0; i < MEASURE_MATRIX_SUMS; i++) add_product(sums[i], left, right);
  vec4 end = vec4(0.0);
  [[unroll]] for (int i = 0; i < MEASURE_MATRIX_SUMS; i++) {
    store_sums(sums[i], 256 * wave_index());
    wave_barrier();
    end += result(256 * wave_index(), wave_lane());
    wave_barrier();
  }
  ends[invocation_index()] = end;
}
