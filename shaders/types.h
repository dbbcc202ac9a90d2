// types.h: lets one header declare a parameter struct for GLSL and for C. Only 4-byte scalars, so that layouts agree.
#ifndef MOTE_SHADERS_TYPES_H
#define MOTE_SHADERS_TYPES_H

#ifndef GL_core_profile  // C
#include <stdint.h>
typedef uint32_t uint;
#define SHARED_FUNCTION static inline
#else
#define SHARED_FUNCTION
#endif

// Values of the specialization constant ACTIVATION, and kinds of the op. To add one: its number here, its row in activation.glsl, and
// a case in tests/ops/activation.c.
#define ACTIVATION_NONE 0
#define ACTIVATION_GELU 1
#define ACTIVATION_RELU 2
#define ACTIVATION_SILU 3
#define ACTIVATION_MISH 4

// Local size of the plain kernels along x.
#define PLAIN_LOCAL_SIZE 64

#endif
