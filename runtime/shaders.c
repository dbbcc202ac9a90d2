// shaders.c: the SPIR-V that the build embedded, found by name.
#include <string.h>

#include "runtime/runtime.h"

// Written by the build: `static const shader shaders[]`, one entry a file of shaders/*.comp.
#include "shaders/embedded.inc"

const shader *shader_at(size_t index) { return index < sizeof shaders / sizeof *shaders ? &shaders[index] : NULL; }

const shader *shader_find(const char *name) {
  for (size_t i = 0; i < sizeof shaders / sizeof *shaders; i++)
    if (strcmp(shaders[i].name, name) == 0) return &shaders[i];
  return NULL;
}
