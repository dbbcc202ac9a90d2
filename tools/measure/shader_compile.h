// shader_compile.h: compiles a folder of shaders at run time, with glslc.
#ifndef MOTE_TOOLS_MEASURE_SHADER_COMPILE_H
#define MOTE_TOOLS_MEASURE_SHADER_COMPILE_H

#include "runtime/runtime.h"

typedef struct shader_set {
  shader *shaders;  // `count` of them, by name
  size_t count;
} shader_set;

// Compiles every NAME.comp in `directory`, which must be the name of an embedded shader, and NAME_texel too where the
// build makes both (shaders/glsl/vectors.glsl). `#include "shaders/FILE"` is FILE in `directory`, else the file that the
// program was built with. A shader that does not compile is MOTE_ERROR_FORMAT with the compiler's message: file, line,
// what. MOTE_ERROR_UNSUPPORTED when there is no glslc.
mote_status shader_set_compile(const char *directory, shader_set *out, mote_error *error);
void shader_set_finish(shader_set *set);

#endif
