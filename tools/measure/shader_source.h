// shader_source.h: a shader's text with its includes put in.
#ifndef MOTE_TOOLS_MEASURE_SHADER_SOURCE_H
#define MOTE_TOOLS_MEASURE_SHADER_SOURCE_H

#include <stdbool.h>

#include "mote.h"

// The text of `directory`/`file`, in which every `#include "shaders/FILE"` is replaced by FILE of `directory`, else by the file
// that the program was built with; one that is in neither stays for the compiler to complain about. `#line` tells the compiler
// whose lines they are. `*vectors`: the shader itself includes shaders/glsl/vectors.glsl. `*text` is the caller's to free(). Includes without end are MOTE_ERROR_FORMAT.
mote_status shader_source_read(const char *directory, const char *file, char **text, bool *vectors, mote_error *error);

#endif
