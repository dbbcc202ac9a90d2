// npy.h: reads and writes NumPy's .npy format: numbers of any type, byte order and memory order are read; little-endian ones
// in C order are written.
//
// The file is: magic, version, header length, a Python dict literal, data. See numpy.lib.format's documentation.
#ifndef MOTE_GRAPH_FILES_NPY_H
#define MOTE_GRAPH_FILES_NPY_H

#include <stdbool.h>

#include "mote.h"
#include "runtime/file.h"

#define NPY_MAX_DIMS 8

typedef enum npy_dtype {
  NPY_F4,  // '<f4' float32
  NPY_F8,  // '<f8' float64
  NPY_F2,  // '<f2' float16
  NPY_U1,  // '|u1' uint8
  NPY_U2,  // '<u2' uint16
  NPY_U4,  // '<u4' uint32
  NPY_U8,  // '<u8' uint64
  NPY_I1,  // '|i1' int8
  NPY_I2,  // '<i2' int16
  NPY_I4,  // '<i4' int32
  NPY_I8,  // '<i8' int64
  NPY_B1,  // '|b1' bool, one byte each
  NPY_DTYPE_COUNT
} npy_dtype;

const char *npy_dtype_name(npy_dtype dtype);  // as NumPy spells it in the header: "<f4"
bool npy_dtype_is_float(npy_dtype dtype);

typedef struct npy_array {
  npy_dtype dtype;
  bool big_endian;     // as '>f4'
  bool fortran_order;  // the first index is the one that changes from an element to the next
  int dim_count;       // 0: a scalar
  uint64_t dims[NPY_MAX_DIMS];
  size_t element_count;  // product of dims
  const char *name;      // for messages
  const uint8_t *data;   // element_count elements at any alignment
} npy_array;

// Element i, counted in C order whatever the file's, as the number nearest to it.
double npy_element(const npy_array *array, size_t i);

// Reads the header of the `bytes` bytes at `data` and checks that exactly the array it promises follows. The array
// borrows `name` (the path, as a rule) and `data`; nothing needs to be released.
mote_status npy_parse(const char *name, const void *data, size_t bytes, npy_array *array, mote_error *error);

// The same when only the first `bytes` of `total` are at hand: the elements are not there yet.
mote_status npy_parse_head(const char *name, const void *data, size_t bytes, size_t total, npy_array *array,
                           mote_error *error);

// Converts element_count elements of any dtype, rounding to nearest where float is too small; uint8 stays 0 to 255.
void npy_to_float(const npy_array *array, float *out);

// Converts element_count integers or bools. A floating-point array or a number beyond int32 is MOTE_ERROR_FORMAT.
mote_status npy_to_int32(const npy_array *array, int32_t *out, mote_error *error);

// Writes into a file that the caller commits.
mote_status npy_stream_float(file_writer *writer, const uint64_t *dims, int dim_count, const float *data,
                             mote_error *error);

// Replace `path` as file_writer does. Up to NPY_MAX_DIMS dims; `data` may be NULL if one of them is 0.
mote_status npy_write_float(const char *path, const uint64_t *dims, int dim_count, const float *data,
                            mote_error *error);
mote_status npy_write_u8(const char *path, const uint64_t *dims, int dim_count, const uint8_t *data, mote_error *error);

#endif
