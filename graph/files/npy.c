// npy.c: parses hostile .npy headers, converts elements, and writes version 1.0 files.
#include "graph/files/npy.h"

#include <inttypes.h>
#include <string.h>

#include "graph/ir/half.h"
#include "runtime/error.h"
#include "runtime/file.h"
#include "runtime/file_kind.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "elements are written as they are");

static const struct {
  const char *name;  // the first character is the byte order
  size_t bytes;
} dtypes[NPY_DTYPE_COUNT] = {
    [NPY_F4] = {"<f4", 4}, [NPY_F8] = {"<f8", 8}, [NPY_F2] = {"<f2", 2}, [NPY_U1] = {"|u1", 1},
    [NPY_U2] = {"<u2", 2}, [NPY_U4] = {"<u4", 4}, [NPY_U8] = {"<u8", 8}, [NPY_I1] = {"|i1", 1},
    [NPY_I2] = {"<i2", 2}, [NPY_I4] = {"<i4", 4}, [NPY_I8] = {"<i8", 8}, [NPY_B1] = {"|b1", 1},
};

const char *npy_dtype_name(npy_dtype dtype) {
  return dtypes[dtype].name;
}

bool npy_dtype_is_float(npy_dtype dtype) {
  return dtype == NPY_F4 || dtype == NPY_F8 || dtype == NPY_F2;
}

// bytes = element_bytes × product of dims; false if that overflows. Zeros are left out of the overflow check's
// product, so that no part of the shape overflows either.
static bool shape_bytes(const uint64_t *dims, int dim_count, size_t element_bytes, size_t *bytes) {
  size_t product = element_bytes;
  bool empty = false;
  for (int i = 0; i < dim_count; i++) {
    if (dims[i] == 0)
      empty = true;
    else if (__builtin_mul_overflow(product, dims[i], &product))
      return false;
  }
  *bytes = empty ? 0 : product;
  return true;
}

// ---------------------------------------------------------------------------------------------------------------------
// The header's dict literal: {'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }

// What is left of the header's text.
typedef struct cursor {
  const char *at, *end;
} cursor;

static void skip_spaces(cursor *c) {
  while (c->at < c->end && (*c->at == ' ' || (*c->at >= '\t' && *c->at <= '\r'))) c->at++;
}

// Steps over `token`, and the spaces before it, if it comes next.
static bool take(cursor *c, const char *token) {
  skip_spaces(c);
  size_t length = strlen(token);
  if ((size_t)(c->end - c->at) < length || memcmp(c->at, token, length)) return false;
  c->at += length;
  return true;
}

// Reads a quoted string of fewer than 32 bytes; escapes are refused, since no key or dtype needs one.
static bool take_string(cursor *c, char string[32]) {
  skip_spaces(c);
  if (c->at == c->end || (*c->at != '\'' && *c->at != '"')) return false;
  const char quote = *c->at++;
  size_t length = 0;
  for (; c->at < c->end && *c->at != quote; c->at++) {
    if (length == 31 || *c->at == '\\' || *c->at < ' ' || *c->at > '~') return false;
    string[length++] = *c->at;
  }
  string[length] = 0;
  return c->at++ < c->end;
}

static bool take_integer(cursor *c, uint64_t *value) {
  skip_spaces(c);
  const char *start = c->at;
  *value = 0;
  for (; c->at < c->end && *c->at >= '0' && *c->at <= '9'; c->at++)
    if (__builtin_mul_overflow(*value, 10, value) || __builtin_add_overflow(*value, (uint64_t)(*c->at - '0'), value))
      return false;
  return c->at > start;
}

static mote_status read_descr(cursor *c, npy_array *array, mote_error *error) {
  char descr[32];
  if (!take_string(c, descr))
    return fail(error, MOTE_ERROR_FORMAT, "%s: 'descr' is not a short string; records cannot be read", array->name);
  for (int i = 0; i < NPY_DTYPE_COUNT && strchr("<>|=", descr[0]) && descr[0]; i++) {
    if (strcmp(descr + 1, dtypes[i].name + 1)) continue;
    array->dtype = (npy_dtype)i;
    array->big_endian = descr[0] == '>' && dtypes[i].bytes > 1;
    return MOTE_OK;
  }
  return fail(error, MOTE_ERROR_FORMAT, "%s: dtype is '%s', expected integers, bools, or floats of up to 64 bits",
              array->name, descr);
}

static mote_status read_fortran_order(cursor *c, npy_array *array, mote_error *error) {
  array->fortran_order = take(c, "True");
  if (array->fortran_order || take(c, "False")) return MOTE_OK;
  return fail(error, MOTE_ERROR_FORMAT, "%s: 'fortran_order' is neither True nor False", array->name);
}

// A tuple: (), (3,), (3, 4), (3, 4,), but not (3), which Python takes for a number.
static mote_status read_shape(cursor *c, npy_array *array, mote_error *error) {
  bool more = take(c, "("), comma = true;
  if (!more) goto malformed;
  while (!take(c, ")")) {
    if (!comma) goto malformed;
    if (array->dim_count == NPY_MAX_DIMS)
      return fail(error, MOTE_ERROR_FORMAT, "%s: 'shape' has more than %d dimensions", array->name, NPY_MAX_DIMS);
    if (!take_integer(c, &array->dims[array->dim_count++])) goto malformed;
    comma = take(c, ",");
  }
  if (array->dim_count == 1 && !comma) goto malformed;
  return MOTE_OK;
malformed:
  return fail(error, MOTE_ERROR_FORMAT, "%s: 'shape' is not a tuple of integers from 0 to 2^64 - 1", array->name);
}

static mote_status read_dict(cursor *c, npy_array *array, mote_error *error) {
  static const char *const keys[3] = {"descr", "fortran_order", "shape"};
  static mote_status (*const readers[3])(cursor *, npy_array *, mote_error *) = {read_descr, read_fortran_order,
                                                                                 read_shape};
  bool seen[3] = {false, false, false}, comma = true;
  if (!take(c, "{")) return fail(error, MOTE_ERROR_FORMAT, "%s: the header is not a Python dict", array->name);
  while (!take(c, "}")) {
    char key[32];
    if (!comma || !take_string(c, key) || !take(c, ":"))
      return fail(error, MOTE_ERROR_FORMAT, "%s: the header's dict is malformed", array->name);
    int i = 0;
    while (i < 3 && strcmp(key, keys[i])) i++;
    if (i == 3 || seen[i])
      return fail(error, MOTE_ERROR_FORMAT, "%s: the header has %s key '%s'", array->name,
                  i == 3 ? "the unknown" : "more than one", key);
    seen[i] = true;
    TRY(readers[i](c, array, error));
    comma = take(c, ",");
  }
  for (int i = 0; i < 3; i++)
    if (!seen[i]) return fail(error, MOTE_ERROR_FORMAT, "%s: the header has no key '%s'", array->name, keys[i]);
  skip_spaces(c);
  if (c->at < c->end) return fail(error, MOTE_ERROR_FORMAT, "%s: text follows the header's dict", array->name);
  return MOTE_OK;
}

// Finds the dict's text: its length is 2 bytes in version 1, 4 bytes in versions 2 and 3.
static mote_status find_header(const char *name, const uint8_t *data, size_t bytes, cursor *c, mote_error *error) {
  if (bytes < 10 || memcmp(data, "\x93NUMPY", 6)) {
    const file_kind *kind = file_kind_of(data, bytes);
    if (!kind) return fail(error, MOTE_ERROR_FORMAT, "%s: does not begin as a .npy file does", name);
    return fail(error, MOTE_ERROR_FORMAT, "%s: is %s, expected a .npy file of numpy.save", name, kind->what);
  }
  if (data[6] < 1 || data[6] > 3 || data[7])
    return fail(error, MOTE_ERROR_FORMAT, "%s: is .npy version %d.%d, expected 1.0, 2.0 or 3.0", name, data[6],
                data[7]);
  size_t start = data[6] == 1 ? 10 : 12;
  size_t length = (size_t)data[8] | (size_t)data[9] << 8;
  if (start == 12 && bytes >= start) length |= (size_t)data[10] << 16 | (size_t)data[11] << 24;
  if (bytes < start || length > bytes - start)
    return fail(error, MOTE_ERROR_FORMAT, "%s: is %zu bytes long, which cuts its header short", name, bytes);
  *c = (cursor){(const char *)data + start, (const char *)data + start + length};
  return MOTE_OK;
}

mote_status npy_parse_head(const char *name, const void *data, size_t bytes, size_t total, npy_array *array,
                           mote_error *error) {
  *array = (npy_array){.name = name};
  cursor c;
  TRY(find_header(name, data, bytes, &c, error));
  const uint8_t *start = (const uint8_t *)c.end;
  TRY(read_dict(&c, array, error));
  size_t expected, found = total - (size_t)(start - (const uint8_t *)data);
  if (!shape_bytes(array->dims, array->dim_count, dtypes[array->dtype].bytes, &expected))
    return fail(error, MOTE_ERROR_FORMAT, "%s: 'shape' overflows 64 bits", name);
  if (found != expected)
    return fail(error, MOTE_ERROR_FORMAT, "%s: %zu bytes follow the header, its dtype and shape need %zu", name, found,
                expected);
  array->element_count = expected / dtypes[array->dtype].bytes;
  array->data = start;
  return MOTE_OK;
}

mote_status npy_parse(const char *name, const void *data, size_t bytes, npy_array *array, mote_error *error) {
  return npy_parse_head(name, data, bytes, bytes, array, error);
}

// ---------------------------------------------------------------------------------------------------------------------
// Elements

typedef union element {
  float f4;
  double f8;
  uint16_t u2;
  uint32_t u4;
  uint64_t u8;
  int16_t i2;
  int32_t i4;
  int64_t i8;
  uint8_t bytes[8];
} element;

// Where element i of C order lies in the file: of Fortran order, sum of index k × product of the dims before k.
static size_t place_of(const npy_array *array, size_t i) {
  if (!array->fortran_order) return i;
  size_t place = 0, stride = array->element_count;
  for (int k = array->dim_count - 1; k >= 0; k--) {
    stride /= array->dims[k];
    place += i % array->dims[k] * stride;
    i /= array->dims[k];
  }
  return place;
}

static element read_element(const npy_array *array, size_t i) {
  const size_t bytes = dtypes[array->dtype].bytes;
  const uint8_t *at = array->data + place_of(array, i) * bytes;
  element e = {.u8 = 0};
  for (size_t b = 0; b < bytes; b++) e.bytes[b] = at[array->big_endian ? bytes - 1 - b : b];
  return e;
}

double npy_element(const npy_array *array, size_t i) {
  const element e = read_element(array, i);
  switch (array->dtype) {
    case NPY_F4:
      return (double)e.f4;
    case NPY_F8:
      return e.f8;
    case NPY_F2:
      return (double)half_to_float(e.u2);
    case NPY_U2:
      return e.u2;
    case NPY_U4:
      return e.u4;
    case NPY_U8:
      return (double)e.u8;
    case NPY_I1:
      return (int8_t)e.bytes[0];
    case NPY_I2:
      return e.i2;
    case NPY_I4:
      return e.i4;
    case NPY_I8:
      return (double)e.i8;
    case NPY_B1:
      return e.bytes[0] != 0;
    default:
      return e.bytes[0];
  }
}

// Integers of 64 bits are rounded once, not by way of a double.
void npy_to_float(const npy_array *array, float *out) {
  for (size_t i = 0; i < array->element_count; i++)
    out[i] = array->dtype == NPY_I8   ? (float)read_element(array, i).i8
             : array->dtype == NPY_U8 ? (float)read_element(array, i).u8
                                      : (float)npy_element(array, i);
}

mote_status npy_to_int32(const npy_array *array, int32_t *out, mote_error *error) {
  if (npy_dtype_is_float(array->dtype))
    return fail(error, MOTE_ERROR_FORMAT, "%s: dtype is '%s', expected integers; save x.astype('int32') instead",
                array->name, npy_dtype_name(array->dtype));
  for (size_t i = 0; i < array->element_count; i++) {
    const double value = npy_element(array, i);  // what a double rounds is far beyond the range
    if (value < INT32_MIN || value > INT32_MAX)
      return fail(error, MOTE_ERROR_FORMAT, "%s: element %zu is %.0f, expected %d to %d", array->name, i, value, INT32_MIN,
                  INT32_MAX);
    out[i] = (int32_t)value;
  }
  return MOTE_OK;
}

// ---------------------------------------------------------------------------------------------------------------------
// Writing

// Fills `header` with all that comes before the data, padded to a multiple of 64 bytes, and returns its length.
static size_t make_header(char header[320], npy_dtype dtype, const uint64_t *dims, int dim_count) {
  memcpy(header, "\x93NUMPY\x01\x00", 8);
  int length = 10;
  length +=
      snprintf(header + length, 320 - 10, "{'descr': '%s', 'fortran_order': False, 'shape': (", npy_dtype_name(dtype));
  for (int i = 0; i < dim_count; i++)
    length += snprintf(header + length, (size_t)(320 - length), "%s%" PRIu64, i ? ", " : "", dims[i]);
  length += snprintf(header + length, (size_t)(320 - length), dim_count == 1 ? ",), }" : "), }");
  while (length % 64 != 63) header[length++] = ' ';
  header[length++] = '\n';
  header[8] = (char)((length - 10) & 255);
  header[9] = (char)((length - 10) >> 8);
  return (size_t)length;
}

static mote_status stream_array(file_writer *writer, const npy_array *array, mote_error *error) {
  char header[320];  // 10 + 56 + 8 dims of 22 + 5, rounded up to 64
  size_t bytes;
  if (array->dim_count < 0 || array->dim_count > NPY_MAX_DIMS ||
      !shape_bytes(array->dims, array->dim_count, dtypes[array->dtype].bytes, &bytes))
    return fail(error, MOTE_ERROR_USAGE, "%s: the shape to be written has %d dimensions or overflows 64 bits", writer->path,
                array->dim_count);
  size_t header_bytes = make_header(header, array->dtype, array->dims, array->dim_count);
  TRY(file_writer_write(writer, header, header_bytes, error));
  return file_writer_write(writer, array->data, bytes, error);
}

static mote_status write_array(const char *path, const npy_array *array, mote_error *error) {
  file_writer writer;
  TRY(file_writer_init(&writer, path, error));
  mote_status status = stream_array(&writer, array, error);
  if (!status) return file_writer_commit(&writer, error);
  file_writer_abort(&writer);
  return status;
}

static npy_array describe(npy_dtype dtype, const uint64_t *dims, int dim_count, const void *data) {
  npy_array array = {.dtype = dtype, .dim_count = dim_count, .data = data};
  for (int i = 0; i < dim_count && i < NPY_MAX_DIMS; i++) array.dims[i] = dims[i];
  return array;
}

mote_status npy_stream_float(file_writer *writer, const uint64_t *dims, int dim_count, const float *data, mote_error *error) {
  const npy_array array = describe(NPY_F4, dims, dim_count, data);
  return stream_array(writer, &array, error);
}

mote_status npy_write_float(const char *path, const uint64_t *dims, int dim_count, const float *data,
                            mote_error *error) {
  const npy_array array = describe(NPY_F4, dims, dim_count, data);
  return write_array(path, &array, error);
}

mote_status npy_write_u8(const char *path, const uint64_t *dims, int dim_count, const uint8_t *data,
                         mote_error *error) {
  const npy_array array = describe(NPY_U1, dims, dim_count, data);
  return write_array(path, &array, error);
}
