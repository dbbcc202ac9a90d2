// measure_arithmetic.h: parameters of measure_arithmetic.comp.
#include "shaders/types.h"

#define ARITHMETIC_VECTORS 3   // independent chains of four lanes, enough to hide the latency of a multiply-add
#define ARITHMETIC_UNROLLED 16 // multiply-adds of a chain in one round

struct measure_arithmetic_parameters {
  uint rounds;
  float factor;
  float term;
};
