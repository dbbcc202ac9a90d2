// half.c: IEEE 754 binary16 (1 sign, 5 exponent, 10 mantissa bits; bias 15) to and from binary32 (1, 8, 23; bias 127).
#include "graph/ir/half.h"

#include <string.h>

static float float_from_bits(uint32_t bits) {
  float value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

static uint32_t float_bits(float value) {
  uint32_t bits;
  memcpy(&bits, &value, sizeof bits);
  return bits;
}

float half_to_float(uint16_t half) {
  uint32_t sign = (uint32_t)(half & 0x8000) << 16;
  uint32_t exponent = (half >> 10) & 31, mantissa = half & 0x3ff;
  if (exponent == 31) return float_from_bits(sign | 0x7f800000 | mantissa << 13);
  if (exponent) return float_from_bits(sign | (exponent + 112) << 23 | mantissa << 13);
  float magnitude = (float)mantissa * 0x1p-24f;
  return float_from_bits(sign | float_bits(magnitude));
}

// value / 2^shift, rounded to nearest, ties to even; shift is 1 to 31.
static uint32_t shift_rounded(uint32_t value, uint32_t shift) {
  uint32_t quotient = value >> shift;
  uint32_t rest = value & ((1u << shift) - 1), tie = 1u << (shift - 1);
  return quotient + (rest > tie || (rest == tie && (quotient & 1)));
}

uint16_t half_from_float(float value) {
  uint32_t bits = float_bits(value), magnitude = bits & 0x7fffffff, result;
  if (magnitude > 0x7f800000) {
    uint32_t payload = (magnitude >> 13) & 0x3ff;
    result = 0x7c00 | (payload ? payload : 0x200);  // without a payload bit it would read as infinity
  } else if (magnitude >= 0x47800000) {             // 2^16
    result = 0x7c00;
  } else if (magnitude >= 0x38800000) {  // 2^-14; a carry out of the mantissa is the right exponent, or infinity
    result = shift_rounded(magnitude - (112u << 23), 13);
  } else {  // counts units of 2^-24
    uint32_t shift = 126 - (magnitude >> 23);
    result = shift > 24 ? 0 : shift_rounded((magnitude & 0x7fffff) | 0x800000, shift);
  }
  return (uint16_t)((bits >> 16 & 0x8000) | result);
}

float bfloat16_to_float(uint16_t bfloat16) {
  return float_from_bits((uint32_t)bfloat16 << 16);
}
