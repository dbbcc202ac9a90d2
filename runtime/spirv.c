// spirv.c: reads bindings, their access and the push-constant size out of SPIR-V (Khronos SPIR-V 1.5, section 3).
#include "runtime/spirv.h"

#include <stdlib.h>

enum { CAPABILITY_COOPERATIVE_MATRIX_KHR = 6022 };
enum {
  OP_CAPABILITY = 17,
  OP_TYPE_INT = 21, OP_TYPE_FLOAT = 22, OP_TYPE_VECTOR = 23, OP_TYPE_IMAGE = 25, OP_TYPE_ARRAY = 28,
  OP_TYPE_RUNTIME_ARRAY = 29, OP_TYPE_STRUCT = 30, OP_TYPE_POINTER = 32, OP_CONSTANT = 43, OP_VARIABLE = 59,
  OP_DECORATE = 71, OP_MEMBER_DECORATE = 72,
};
enum { DECORATION_NON_WRITABLE = 24, DECORATION_NON_READABLE = 25, DECORATION_BINDING = 33, DECORATION_OFFSET = 35 };
enum { CLASS_UNIFORM_CONSTANT = 0, CLASS_PUSH_CONSTANT = 9, CLASS_STORAGE_BUFFER = 12 };
enum { DIM_BUFFER = 5, FORMAT_RGBA32F = 1 };

// What the walk remembers of one result id.
typedef struct id_info {
  uint32_t opcode;
  uint32_t type, storage_class;  // of a variable, or what a pointer points to
  uint32_t bytes;                // of a plain type; for a struct, the end of its last member
  uint32_t value;                // of a constant
  uint32_t dim, format;          // of an image
  uint32_t binding;
  bool has_binding, non_writable, non_readable;
  uint32_t last_offset;          // of a struct: its furthest member
  uint32_t last_member;
} id_info;

static void read_decoration(id_info *id, const uint32_t *decoration, uint32_t count) {
  switch (decoration[0]) {
    case DECORATION_BINDING:
      id->has_binding = true;
      id->binding = count > 1 ? decoration[1] : MAX_BINDINGS;
      break;
    case DECORATION_NON_WRITABLE: id->non_writable = true; break;
    case DECORATION_NON_READABLE: id->non_readable = true; break;
    default: break;
  }
}

static void read_member_decoration(id_info *id, uint32_t member, const uint32_t *decoration, uint32_t count) {
  if (decoration[0] == DECORATION_OFFSET && count > 1) {
    if (decoration[1] >= id->last_offset) {
      id->last_offset = decoration[1];
      id->last_member = member;
    }
  } else {
    read_decoration(id, decoration, count);  // glslang marks every member of a readonly block
  }
}

// `ids` has `bound` entries and ids outside them read as entry 0, which stays empty.
static void read_type(id_info *ids, uint32_t bound, const uint32_t *word, uint32_t opcode, uint32_t count) {
#define ID(x) (ids[(x) < bound ? (x) : 0])
  id_info *id = &ID(word[1]);
  id->opcode = opcode;
  if (opcode == OP_TYPE_INT || opcode == OP_TYPE_FLOAT) id->bytes = word[2] / 8;
  if (opcode == OP_TYPE_VECTOR && count > 3) id->bytes = ID(word[2]).bytes * word[3];
  if (opcode == OP_TYPE_ARRAY && count > 3) id->bytes = ID(word[2]).bytes * ID(word[3]).value;
  if (opcode == OP_TYPE_IMAGE && count > 8) {
    id->dim = word[3];
    id->format = word[8];
  }
  if (opcode == OP_TYPE_STRUCT && id->last_member + 2 < count)
    id->bytes = id->last_offset + ID(word[2 + id->last_member]).bytes;
  if (opcode == OP_TYPE_POINTER && count > 3) {
    id->storage_class = word[2];
    id->type = word[3];
  }
#undef ID
}

static mote_status read_variable(const shader *shader, const id_info *ids, uint32_t bound, const uint32_t *word,
                                 spirv_interface *out, mote_error *error) {
  uint32_t pointer = word[1], variable = word[2], storage_class = word[3];
  if (pointer >= bound || variable >= bound || ids[pointer].type >= bound)
    return fail(error, MOTE_ERROR_FORMAT, "shader %s: an id is out of bounds", shader->name);
  const id_info *type = &ids[ids[pointer].type];
  if (storage_class == CLASS_PUSH_CONSTANT) out->push_bytes = type->bytes;
  if (!ids[variable].has_binding) return MOTE_OK;

  spirv_binding_kind kind = SPIRV_BINDING_NONE;
  if (storage_class == CLASS_STORAGE_BUFFER) kind = SPIRV_BINDING_STORAGE_BUFFER;
  if (storage_class == CLASS_UNIFORM_CONSTANT && type->opcode == OP_TYPE_IMAGE && type->dim == DIM_BUFFER &&
      type->format == FORMAT_RGBA32F)
    kind = SPIRV_BINDING_TEXEL_BUFFER;
  uint32_t binding = ids[variable].binding;
  if (kind == SPIRV_BINDING_NONE || binding >= MAX_BINDINGS)
    return fail(error, MOTE_ERROR_FORMAT, "shader %s: binding %u is of a kind that the runtime does not bind",
                shader->name, binding);
  out->bindings[binding] = (spirv_binding){
      .kind = kind,
      .reads = !ids[variable].non_readable && !type->non_readable,
      .writes = !ids[variable].non_writable && !type->non_writable,
  };
  return MOTE_OK;
}

mote_status spirv_reflect(const shader *shader, spirv_interface *out, mote_error *error) {
  *out = (spirv_interface){0};
  const uint32_t *words = shader->words;
  size_t word_count = shader->word_count;
  if (word_count < 5 || words[0] != 0x07230203u || words[3] > 1u << 20)
    return fail(error, MOTE_ERROR_FORMAT, "shader %s: not a SPIR-V module", shader->name);
  uint32_t bound = words[3];
  id_info *ids = calloc((size_t)bound + 1, sizeof *ids);
  if (!ids) return fail(error, MOTE_ERROR_MEMORY, "out of memory");
  mote_status status = MOTE_OK;
  for (size_t at = 5; at < word_count && !status;) {
    const uint32_t *word = &words[at];
    uint32_t opcode = word[0] & 0xffff, count = word[0] >> 16;
    if (count == 0 || at + count > word_count) {
      status = fail(error, MOTE_ERROR_FORMAT, "shader %s: truncated SPIR-V", shader->name);
      break;
    }
    if (opcode == OP_CAPABILITY && count > 1) out->cooperative |= word[1] == CAPABILITY_COOPERATIVE_MATRIX_KHR;
    if (opcode == OP_DECORATE && count > 2 && word[1] < bound) read_decoration(&ids[word[1]], word + 2, count - 2);
    if (opcode == OP_MEMBER_DECORATE && count > 3 && word[1] < bound)
      read_member_decoration(&ids[word[1]], word[2], word + 3, count - 3);
    if (opcode >= OP_TYPE_INT && opcode <= OP_TYPE_POINTER && count > 1)
      read_type(ids, bound, word, opcode, count);
    if (opcode == OP_CONSTANT && count > 3 && word[2] < bound) ids[word[2]].value = word[3];
    if (opcode == OP_VARIABLE && count > 3) status = read_variable(shader, ids, bound, word, out, error);
    at += count;
  }
  free(ids);
  return status;
}
