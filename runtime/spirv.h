// spirv.h: what a compute shader's SPIR-V says about its own interface.
#ifndef MOTE_RUNTIME_SPIRV_H
#define MOTE_RUNTIME_SPIRV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/runtime.h"

typedef enum spirv_binding_kind {
  SPIRV_BINDING_NONE = 0,
  SPIRV_BINDING_STORAGE_BUFFER,
  SPIRV_BINDING_TEXEL_BUFFER,  // storage texel buffer, rgba32f
} spirv_binding_kind;

typedef struct spirv_binding {
  spirv_binding_kind kind;
  bool reads, writes;  // as declared: `readonly` clears writes, `writeonly` clears reads
} spirv_binding;

typedef struct spirv_interface {
  spirv_binding bindings[MAX_BINDINGS];  // of descriptor set 0
  uint32_t push_bytes;
  bool cooperative;  // has cooperative matrices, whose subgroups must be whole and of a known size
} spirv_interface;

// Reads the interface of a module with one compute entry point. Only modules embedded at build time come here, but
// the walk still stays inside the words. MOTE_ERROR_FORMAT names what it does not understand.
mote_status spirv_reflect(const shader *shader, spirv_interface *out, mote_error *error);

#endif
