// matrices.glsl: sums += left · right for matrices of 16 × 16, operands in half precision and sums in fp32, which a wave of
// invocations computes together. A shader that includes this is compiled twice: as NAME the operations are written out and run
// on any device, in order to be checked; as NAME_cooperative (with COOPERATIVE defined) they are those of
// VK_KHR_cooperative_matrix, a wave being a subgroup.
//
// A line of operands is 16 and more numbers along the sum: a row of the left matrix, a column of the right one. "Turned"
// matrices have a line for each summand instead: a column of the left one, a row of the right one.
//
// The shader defines WAVE, invocations of a wave, OPERANDS, ROW and RESULTS, the vectors that `operands` and a line of it,
// and the numbers that `results` have; all invocations of the workgroup call these functions together.
#ifdef COOPERATIVE
#extension GL_EXT_shader_explicit_arithmetic_types_float16 : require
#extension GL_KHR_cooperative_matrix : require
#extension GL_KHR_memory_scope_semantics : require
#extension GL_KHR_shader_subgroup_basic : require

#define half_vector f16vec4
#define to_half_vector(v) f16vec4(v)
shared f16vec4 operands[OPERANDS];
shared float results[RESULTS];

#define sum_matrix coopmat<float, gl_ScopeSubgroup, 16, 16, gl_MatrixUseAccumulator>
#define left_matrix coopmat<float16_t, gl_ScopeSubgroup, 16, 16, gl_MatrixUseA>
#define right_matrix coopmat<float16_t, gl_ScopeSubgroup, 16, 16, gl_MatrixUseB>

#define wave_index() int(gl_SubgroupID)
#define wave_lane() int(gl_SubgroupInvocationID)
#define wave_barrier() subgroupBarrier()
#define clear_sums(sums) sums = sum_matrix(0.0)
#define load_left_transposed(matrix, at) coopMatLoad(matrix, operands, at, ROW, gl_CooperativeMatrixLayoutColumnMajor)
#define load_right_transposed(matrix, at) coopMatLoad(matrix, operands, at, ROW, gl_CooperativeMatrixLayoutRowMajor)
#define load_left(matrix, at) coopMatLoad(matrix, operands, at, ROW, gl_CooperativeMatrixLayoutRowMajor)
#define load_right(matrix, at) coopMatLoad(matrix, operands, at, ROW, gl_CooperativeMatrixLayoutColumnMajor)
#define add_product(sums, left, right) sums = coopMatMulAdd(left, right, sums)
#define add_transposed_product add_product
#define store_sums(sums, at) coopMatStore(sums, results, at, 16, gl_CooperativeMatrixLayoutColumnMajor)
#else

#define to_half_vector(v) uvec2(packHalf2x16((v).xy), packHalf2x16((v).zw))
shared uvec2 operands[OPERANDS];
shared float results[RESULTS];

// Of lane l, element e: row and column are the remainder and the quotient of e · WAVE + l by 16. Operands stay where they are.
const int ELEMENTS = 256 / WAVE;
struct sum_matrix {
  float elements[ELEMENTS];
};
#define left_matrix int
#define right_matrix int

#define wave_index() (int(gl_LocalInvocationID.x) / WAVE)
#define wave_lane() (int(gl_LocalInvocationID.x) % WAVE)
#define wave_barrier() barrier()
#define load_left(matrix, at) matrix = at
#define load_right(matrix, at) matrix = at
#define load_left_transposed load_left
#define load_right_transposed load_right

void clear_sums(out sum_matrix sums) {
  for (int e = 0; e < ELEMENTS; e++) sums.elements[e] = 0.0;
}

vec4 operand(int at) { return vec4(unpackHalf2x16(operands[at].x), unpackHalf2x16(operands[at].y)); }

void add_product(inout sum_matrix sums, int left, int right) {
  for (int e = 0; e < ELEMENTS; e++) {
    int at = e * WAVE + wave_lane(), left_row = left + at % 16 * ROW, right_column = right + at / 16 * ROW;
    for (int k = 0; k < 4; k++) sums.elements[e] += dot(operand(left_row + k), operand(right_column + k));
  }
}

void add_transposed_product(inout sum_matrix sums, int left, int right) {
  for (int e = 0; e < ELEMENTS; e++) {
    int at = e * WAVE + wave_lane(), left_row = at % 16, right_column = at / 16;
    for (int k = 0; k < 16; k++)
      sums.elements[e] += operand(left + k * ROW + left_row / 4)[left_row % 4] *
                          operand(right + k * ROW + right_column / 4)[right_column % 4];
  }
}

void store_sums(sum_matrix sums, int at) {
  for (int e = 0; e < ELEMENTS; e++) results[at + e * WAVE + wave_lane()] = sums.elements[e];
}
#endif

// Half precision ends at 65504: what is larger becomes that, and never infinite.
vec4 fit_half(vec4 v) { return clamp(v, -65504.0, 65504.0); }

// store_sums makes columns of 16 one after the other: vector `i` of the four times 16 that are at `at`.
vec4 result(int at, int i) {
  return vec4(results[at + 4 * i], results[at + 4 * i + 1], results[at + 4 * i + 2], results[at + 4 * i + 3]);
}
