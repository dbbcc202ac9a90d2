// test_npy.c: .npy: what is refused and why, what survives a round trip.
#include "tests/files_support.h"

#include <math.h>

#include "graph/files/npy.h"

// Builds a file of version `version`.0 in an allocation of just its size.
static uint8_t *make_npy(int version, const char *header, const void *data, size_t data_bytes, size_t *bytes) {
  size_t start = version == 1 ? 10 : 12, length = strlen(header);
  *bytes = start + length + data_bytes;
  uint8_t *file = calloc(*bytes, 1);
  memcpy(file, "\x93NUMPY", 6);
  file[6] = (uint8_t)version, file[8] = (uint8_t)length, file[9] = (uint8_t)(length >> 8);
  memcpy(file + start, header, length);
  if (data) memcpy(file + start + length, data, data_bytes);
  return file;
}

#define N(descr, order, shape) "{'descr': " descr ", 'fortran_order': " order ", 'shape': " shape ", }\n"

static const struct {
  const char *header;
  size_t data_bytes;
  const char *expected;
} hostile_npys[] = {
    {"", 0, "the header is not a Python dict"},
    {"[]", 0, "the header is not a Python dict"},
    {"{}", 0, "the header has no key 'descr'"},
    {"{'descr': '<f4', 'shape': ()}", 4, "the header has no key 'fortran_order'"},
    {"{'descr': '<f4', 'fortran_order': False}", 4, "the header has no key 'shape'"},
    {"{'descr': '<f4', 'descr': '<f4'}", 4, "more than one key 'descr'"},
    {"{'colour': 1}", 4, "the unknown key 'colour'"},
    {"{'descr': '<f4' 'shape': ()}", 4, "dict is malformed"},
    {"{'descr' '<f4'}", 4, "dict is malformed"},
    {"{descr: '<f4'}", 4, "dict is malformed"},
    {"{'descr': '<f4'", 4, "dict is malformed"},
    {"{'des\\x63r': '<f4'}", 4, "dict is malformed"},
    {"{'descr", 4, "dict is malformed"},
    {"{'a_key_that_goes_on_for_longer_than_any': 1}", 4, "dict is malformed"},
    {"{,}", 4, "dict is malformed"},
    {"{'descr': ", 4, "'descr' is not a short string"},
    {N("[('x', '<f4')]", "False", "()"), 4, "'descr' is not a short string; records cannot be read"},
    {N("'>c8'", "False", "()"), 8, "dtype is '>c8', expected integers, bools, or floats of up to 64 bits"},
    {N("'f4'", "False", "()"), 4, "dtype is 'f4', expected"},
    {N("''", "False", "()"), 4, "dtype is '', expected"},
    {N("'<f16'", "False", "()"), 16, "dtype is '<f16', expected"},
    {N("'|O'", "False", "()"), 8, "dtype is '|O', expected"},
    {N("'<f4'", "0", "()"), 4, "'fortran_order' is neither True nor False"},
    {N("'<f4'", "Falsehood", "()"), 4, "dict is malformed"},
    {N("'<f4'", "False", "(1)"), 4, "'shape' is not a tuple"},
    {N("'<f4'", "False", "[1]"), 4, "'shape' is not a tuple"},
    {N("'<f4'", "False", "(-1,)"), 4, "'shape' is not a tuple"},
    {N("'<f4'", "False", "(1.0,)"), 4, "'shape' is not a tuple"},
    {N("'<f4'", "False", "(1 1)"), 4, "'shape' is not a tuple"},
    {N("'<f4'", "False", "(,)"), 4, "'shape' is not a tuple"},
    {N("'<f4'", "False", "(18446744073709551616,)"), 4, "'shape' is not a tuple of integers from 0 to 2^64 - 1"},
    {N("'<f4'", "False", "(1,1,1,1,1,1,1,1,1)"), 4, "more than 8 dimensions"},
    {N("'<f4'", "False", "(4294967296, 4294967296)"), 4, "'shape' overflows"},
    {N("'<f4'", "False", "(4611686018427387904,)"), 0, "'shape' overflows"},
    {N("'|u1'", "False", "(4294967296, 0, 4294967296)"), 0, "'shape' overflows"},
    {N("'<f4'", "False", "(2,)"), 7, "7 bytes follow the header, its dtype and shape need 8"},
    {N("'<f4'", "False", "(2,)"), 9, "9 bytes follow the header, its dtype and shape need 8"},
    {N("'<f4'", "False", "(0,)"), 1, "1 bytes follow the header, its dtype and shape need 0"},
    {N("'<f4'", "False", "()") " x", 4, "text follows the header's dict"},
};

static void hostile_npys_are_refused_and_the_reason_named(void **state) {
  (void)state;
  npy_array array;
  mote_error error;
  size_t bytes;
  for (size_t i = 0; i < COUNT(hostile_npys); i++) {
    uint8_t *file = make_npy(1, hostile_npys[i].header, NULL, hostile_npys[i].data_bytes, &bytes);
    npy_parse("bad.npy", file, bytes, &array, &error);
    assert_says(&error, MOTE_ERROR_FORMAT, hostile_npys[i].expected);
    assert_ptr_equal(strstr(error.message, "bad.npy: "), error.message);
    free(file);
  }
}

static void npys_cut_anywhere_or_of_another_version_are_refused(void **state) {
  (void)state;
  npy_array array;
  mote_error error;
  size_t bytes;
  for (int version = 0; version <= 4; version++) {
    uint8_t *file = make_npy(version, N("'<i4'", "False", "(1, 1)"), NULL, 4, &bytes);
    bool known = version >= 1 && version <= 3;
    assert_int_equal(npy_parse("bad.npy", file, bytes, &array, &error), known ? MOTE_OK : MOTE_ERROR_FORMAT);
    if (!known) assert_says(&error, MOTE_ERROR_FORMAT, "expected 1.0, 2.0 or 3.0");
    for (size_t cut = 0; cut < bytes; cut++) {
      uint8_t *part = malloc(cut + !cut);
      memcpy(part, file, cut);
      assert_int_equal(npy_parse("bad.npy", part, cut, &array, &error), MOTE_ERROR_FORMAT);
      free(part);
    }
    file[5] = 'X';
    npy_parse("bad.npy", file, bytes, &array, &error);
    assert_says(&error, MOTE_ERROR_FORMAT, "does not begin as a .npy file does");
    free(file);
  }
}

static void npys_in_any_spelling_and_dtype_are_converted(void **state) {
  (void)state;
  static const struct {
    const char *header;
    union {
      float f4[2];
      double f8[2];
      uint16_t f2[2];
      uint8_t u1[2];
      int32_t i4[2];
      int64_t i8[2];
      uint64_t u8[2];
      uint32_t u4[2];
      uint16_t u2[2];
    } data;
    size_t bytes;
    float floats[2];
    const char *integer_error;  // NULL: converts to integers too
  } cases[] = {
      {"{\"shape\":(2,),\"fortran_order\":False,\"descr\":\"<f4\"}",
       {.f4 = {0.1f, -3}},
       8,
       {0.1f, -3},
       "dtype is '<f4'"},
      {N("'<f8'", "False", "(2,)"), {.f8 = {0.1, 1e300}}, 16, {0.1f, INFINITY}, "save x.astype('int32')"},
      {N("'<f2'", "False", "(1, 2, )"), {.f2 = {0x3c00, 0xc000}}, 4, {1, -2}, "dtype is '<f2'"},
      {" {  'shape' :\t( 2 , 1 ),'descr':'|u1' , 'fortran_order' :False} \n", {.u1 = {0, 255}}, 2, {0, 255}, NULL},
      {N("'<i4'", "False", "(2,)"), {.i4 = {INT32_MIN, 16777217}}, 8, {-2147483648.0f, 16777216}, NULL},
      {N("'<i8'", "False", "(2,)"), {.i8 = {INT32_MIN, INT32_MAX}}, 16, {-2147483648.0f, 2147483648.0f}, NULL},
      {N("'<i8'", "False", "(2,)"), {.i8 = {0, 2147483648}}, 16, {0, 2147483648.0f}, "element 1 is 2147483648"},
      {N("'<i8'", "False", "(2,)"), {.i8 = {-2147483649, 0}}, 16, {-2147483648.0f, 0}, "element 0 is -2147483649"},
      {N("'|b1'", "False", "(2,)"), {.u1 = {0, 1}}, 2, {0, 1}, NULL},
      {N("'|i1'", "False", "(2,)"), {.u1 = {255, 127}}, 2, {-1, 127}, NULL},
      {N("'<u2'", "False", "(2,)"), {.u2 = {65535, 1}}, 4, {65535, 1}, NULL},
      {N("'<i2'", "False", "(2,)"), {.u2 = {65535, 1}}, 4, {-1, 1}, NULL},
      {N("'<u4'", "False", "(2,)"), {.u4 = {4294967295u, 3}}, 8, {4294967296.0f, 3}, "element 0 is 4294967295"},
      {N("'<u8'", "False", "(2,)"), {.u8 = {4, UINT64_MAX}}, 16, {4, 18446744073709551616.0f}, "element 1 is 1844674407"},
      {N("'>u2'", "False", "(2,)"), {.u2 = {0x0102, 0x0300}}, 4, {0x0201, 3}, NULL},
      {N("'>i4'", "False", "(2,)"), {.u4 = {0xfeffffff, 0x01000000}}, 8, {-2, 1}, NULL},
      {N("'>f4'", "False", "(2,)"), {.u4 = {0x0000803f, 0x000000c0}}, 8, {1, -2}, "dtype is '<f4'"},
  };
  for (size_t i = 0; i < COUNT(cases); i++) {
    size_t bytes;
    uint8_t *file = make_npy(1 + (int)i % 3, cases[i].header, &cases[i].data, cases[i].bytes, &bytes);
    npy_array array;
    mote_error error = {0};
    if (npy_parse("x.npy", file, bytes, &array, &error)) fail_msg("%s", error.message);
    assert_int_equal(array.element_count, 2);
    float floats[2];
    int32_t integers[2] = {0};
    npy_to_float(&array, floats);
    assert_memory_equal(floats, cases[i].floats, sizeof floats);
    mote_status status = npy_to_int32(&array, integers, &error);
    if (cases[i].integer_error)
      assert_says(&error, MOTE_ERROR_FORMAT, cases[i].integer_error);
    else
      for (int j = 0; j < 2; j++) assert_true(status == MOTE_OK && (float)integers[j] == floats[j]);
    free(file);
  }
}

// Element (i, j, k) is 100 i + 10 j + k, and its place in the file i + 2 (j + 3 k).
static void fortran_order_is_read_in_c_order(void **state) {
  (void)state;
  uint8_t data[24];
  float floats[24];
  size_t bytes;
  npy_array array;
  mote_error error;
  for (int i = 0; i < 2; i++)
    for (int j = 0; j < 3; j++)
      for (int k = 0; k < 4; k++) data[i + 2 * (j + 3 * k)] = (uint8_t)(100 * i + 10 * j + k);
  uint8_t *file = make_npy(1, N("'|u1'", "True", "(2, 3, 4)"), data, sizeof data, &bytes);
  if (npy_parse("x.npy", file, bytes, &array, &error)) fail_msg("%s", error.message);
  npy_to_float(&array, floats);
  for (int n = 0; n < 24; n++) {
    assert_true(floats[n] == (float)(100 * (n / 12) + 10 * (n / 4 % 3) + n % 4));
    assert_true(npy_element(&array, (size_t)n) == (double)floats[n]);
  }
  free(file);
}

static void what_npy_writes_is_aligned_and_read_back(void **state) {
  (void)state;
  static const uint64_t shapes[][9] = {{0}, {1, 6}, {2, 2, 3}, {3, 6, 0, 7}, {8, 1, 1, 1, 3, 1, 2, 1, 1}};
  const float values[6] = {1, -2, 0.5f, INFINITY, 1e-45f, -0.0f};
  const char *path = in_directory("a.npy");
  for (size_t i = 0; i < COUNT(shapes); i++) {
    int dim_count = (int)shapes[i][0];
    for (int u8 = 0; u8 < 2; u8++) {
      uint8_t *data;
      size_t bytes;
      npy_array array;
      assert_int_equal(u8 ? npy_write_u8(path, shapes[i] + 1, dim_count, (const uint8_t *)values, NULL)
                          : npy_write_float(path, shapes[i] + 1, dim_count, values, NULL),
                       MOTE_OK);
      assert_int_equal(file_read(path, 10000, &data, &bytes, NULL), MOTE_OK);
      assert_int_equal(npy_parse(path, data, bytes, &array, NULL), MOTE_OK);
      assert_int_equal((array.data - data) % 64, 0);
      assert_int_equal(array.data[-1], '\n');
      assert_int_equal(array.dtype, u8 ? NPY_U1 : NPY_F4);
      assert_int_equal(array.dim_count, dim_count);
      assert_int_equal(memcmp(array.dims, shapes[i] + 1, sizeof(uint64_t) * (size_t)dim_count), 0);
      size_t size = array.element_count * (u8 ? 1 : 4);
      assert_true(size == bytes - (size_t)(array.data - data) && !memcmp(array.data, values, size));
      free(data);
    }
  }
  unlink(path);
  mote_error error;
  assert_int_equal(npy_write_float(path, shapes[4], 9, values, &error), MOTE_ERROR_USAGE);
  assert_int_equal(npy_write_u8(path, (uint64_t[]){UINT64_MAX, 2}, 2, (const uint8_t *)values, &error),
                   MOTE_ERROR_USAGE);
  assert_says(&error, MOTE_ERROR_USAGE, "overflows");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(hostile_npys_are_refused_and_the_reason_named),
      cmocka_unit_test(npys_cut_anywhere_or_of_another_version_are_refused),
      cmocka_unit_test(npys_in_any_spelling_and_dtype_are_converted),
      cmocka_unit_test(fortran_order_is_read_in_c_order),
      cmocka_unit_test(what_npy_writes_is_aligned_and_read_back),
      cmocka_unit_test(every_test_left_the_directory_empty),
  };
  return cmocka_run_group_tests_name("npy", tests, make_directory, NULL);
}
