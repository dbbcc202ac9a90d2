// half.h: IEEE 754 binary16 and bfloat16 to and from float, on bit patterns, so that no compiler support is needed.
#ifndef MOTE_GRAPH_IR_HALF_H
#define MOTE_GRAPH_IR_HALF_H

#include <stdint.h>

// Exact. A NaN keeps its sign and payload.
float half_to_float(uint16_t half);

// Rounds to nearest, ties to even; from 65520 on the result is infinity, up to 2^-25 it is zero. A NaN stays a NaN.
uint16_t half_from_float(float value);

// Exact: bfloat16 is the upper half of a float.
float bfloat16_to_float(uint16_t bfloat16);

#endif
