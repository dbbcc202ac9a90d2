// measure_matrix.h: parameters and constants of measure_matrix.comp.
#include "shaders/types.h"

#define MEASURE_MATRIX_LOCAL 0     // constant: invocations of a workgroup
#define MEASURE_MATRIX_WAVE 1      // constant: invocations of a wave
#define MEASURE_MATRIX_SUMS 8      // chains of products a wave, enough to hide the latency of one
#define MEASURE_MATRIX_UNROLLED 8  // products of a chain in one round

struct measure_matrix_parameters {
  uint rounds;
  float value;  // of all operands
};
