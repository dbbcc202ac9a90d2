// uniform.h: the digits that push constants end in where a shader includes shaders/glsl/uniform.glsl.
#ifndef MOTE_SHADERS_UNIFORM_H
#define MOTE_SHADERS_UNIFORM_H

#define UNIFORM_BASE 8
#define UNIFORM_VALUES {0, 1, 2, 3, 4, 5, 6, 7}

#endif
