// safetensors.h: reads and writes the safetensors format: a JSON header that names tensors, then their bytes.
//
// The file is: header length (8 bytes, little-endian), header, data. See github.com/huggingface/safetensors. What is
// read here is trusted in nothing; what is accepted, the official reader accepts too.
#ifndef MOTE_GRAPH_FILES_SAFETENSORS_H
#define MOTE_GRAPH_FILES_SAFETENSORS_H

#include "runtime/file_kind.h"
#include "mote.h"
#include "runtime/file.h"

#define SAFETENSORS_MAX_DIMS 8

// In the order of the official writer, which stores tensors of a later type first. To add a type: add it here and to
// the table in safetensors.c.
typedef enum safetensors_dtype {
  SAFETENSORS_BOOL,
  SAFETENSORS_U8,
  SAFETENSORS_I8,
  SAFETENSORS_F8_E5M2,
  SAFETENSORS_F8_E4M3,
  SAFETENSORS_I16,
  SAFETENSORS_U16,
  SAFETENSORS_F16,
  SAFETENSORS_BF16,
  SAFETENSORS_I32,
  SAFETENSORS_U32,
  SAFETENSORS_F32,
  SAFETENSORS_F64,
  SAFETENSORS_I64,
  SAFETENSORS_U64,
  SAFETENSORS_DTYPE_COUNT
} safetensors_dtype;

const char *safetensors_dtype_name(safetensors_dtype dtype);  // "F32"
size_t safetensors_dtype_bytes(safetensors_dtype dtype);      // of one element

bool safetensors_dtype_is_float(safetensors_dtype dtype);     // of those that safetensors_read_float converts

// bytes = element_bytes × product of dims; false if that overflows.
bool safetensors_shape_bytes(const uint64_t *dims, int dim_count, size_t element_bytes, size_t *bytes);

typedef struct safetensors_pair {
  const char *key, *value;
} safetensors_pair;

typedef struct safetensors_entry {
  const char *name;
  safetensors_dtype dtype;
  int dim_count;  // 0: a scalar
  uint64_t dims[SAFETENSORS_MAX_DIMS];
  size_t begin;          // of its bytes within the file's data
  const uint8_t *data;   // its bytes, at any alignment; NULL: they are not read yet
  size_t bytes;          // elements × size of the dtype
  size_t element_count;  // 0 if one of the dims is
} safetensors_entry;

// Read-only once parsed, so any number of threads may look. Names, keys and values belong to it.
typedef struct safetensors {
  size_t count;
  safetensors_entry *entries;  // sorted by name, bytewise
  size_t metadata_count;
  safetensors_pair *metadata;  // sorted by key, bytewise
  size_t data_bytes;           // that the tensors cover
  struct json *header;         // owns the strings
} safetensors;

// Checks all of the `bytes` bytes at `data`, which are borrowed until safetensors_destroy. `name`, the path as a rule,
// opens every message and is not kept.
mote_status safetensors_parse(const char *name, const void *data, size_t bytes, safetensors **st, mote_error *error);
void safetensors_destroy(safetensors **st);

// A file whose header is read and checked before its tensors take memory.
typedef struct safetensors_file {
  file_reader reader;
  safetensors *header;
  uint8_t *data;  // of all tensors; NULL until safetensors_read_data
  uint8_t begun[FILE_KIND_BYTES];
  size_t begun_bytes;  // of the data, which were read with the header
} safetensors_file;

// Refuses a file whose size is another than its header asks for. On failure there is nothing to close.
mote_status safetensors_open(const char *path, safetensors_file *file, mote_error *error);
mote_status safetensors_read_data(safetensors_file *file, mote_error *error);
void safetensors_close(safetensors_file *file);

// Length of what the names of all tensors begin with, up to a dot; then leaves as much out of all names.
size_t safetensors_common_prefix(const safetensors *st);
void safetensors_drop_prefix(safetensors *st, size_t length);

// NULL: there is none of that name.
const safetensors_entry *safetensors_find(const safetensors *st, const char *tensor_name);
const char *safetensors_metadata(const safetensors *st, const char *key);

// Converts element_count elements. F32, F16 and BF16 are exact, F64 is rounded to nearest. Any other dtype gives false
// and writes nothing; the caller, who knows the file's name, makes the message.
bool safetensors_read_float(const safetensors_entry *entry, float *out);

typedef struct safetensors_tensor {
  const char *name;         // UTF-8, not "__metadata__"
  safetensors_dtype dtype;  // SAFETENSORS_F32 or SAFETENSORS_F16: how it is stored
  int dim_count;
  uint64_t dims[SAFETENSORS_MAX_DIMS];
  const float *data;  // may be NULL if there are no elements
} safetensors_tensor;

// Replaces `path` as file_writer does, with the layout of the official writer. Names and keys must each differ;
// a finite number too large for F16 is refused.
mote_status safetensors_write(const char *path, const safetensors_tensor *tensors, size_t count,
                              const safetensors_pair *metadata, size_t metadata_count, mote_error *error);

#endif
