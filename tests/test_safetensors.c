// test_safetensors.c: halfs and safetensors: what is refused and why, what survives a round trip.
#include "tests/files_support.h"

#include <math.h>

#include "graph/files/safetensors.h"
#include "graph/ir/half.h"

// ---------------------------------------------------------------------------------------------------------------------
// Halfs

// (-1)^sign 2^(exponent - 15) (1 + mantissa / 1024), or 2^-14 (mantissa / 1024) if the exponent is 0.
static double half_value(unsigned half) {
  int exponent = (half >> 10) & 31, mantissa = half & 0x3ff;
  double magnitude = exponent ? ldexp(1024 + mantissa, exponent - 25) : ldexp(mantissa, -24);
  return half & 0x8000 ? -magnitude : magnitude;
}

static void every_half_converts_to_its_value_and_back(void **state) {
  (void)state;
  for (unsigned half = 0; half < 65536; half++) {
    float value = half_to_float((uint16_t)half);
    if ((half & 0x7c00) != 0x7c00)
      assert_true(value == half_value(half) && !signbit(value) == !(half & 0x8000));
    else
      assert_true((half & 0x3ff) ? isnan(value) : isinf(value) && !signbit(value) == !(half & 0x8000));
    assert_int_equal(half_from_float(value), half);
  }
}

static void floats_between_halfs_round_to_the_nearest_and_ties_to_even(void **state) {
  (void)state;
  for (unsigned half = 0; half < 0x7c00; half++) {
    float tie = (float)((half_value(half) + half_value(half + 1)) / 2);  // exact; the last is 65520
    for (unsigned sign = 0; sign < 2; sign++) {
      float s = sign ? -1.0f : 1.0f;
      assert_int_equal(half_from_float(s * tie), (sign << 15) | (half + (half & 1)));
      assert_int_equal(half_from_float(s * nextafterf(tie, 0)), (sign << 15) | half);
      assert_int_equal(half_from_float(s * nextafterf(tie, INFINITY)), (sign << 15) | (half + 1));
    }
  }
}

static void extreme_floats_become_infinity_zero_or_nan(void **state) {
  (void)state;
  assert_int_equal(half_from_float(65536.0f), 0x7c00);
  assert_int_equal(half_from_float(-3.4e38f), 0xfc00);
  assert_int_equal(half_from_float(1e-45f), 0);
  assert_int_equal(half_from_float(-0x1p-25f), 0x8000);
  assert_int_equal(half_from_float(-0.0f), 0x8000);
  uint32_t low_payload = 0x7f800001;  // no bit of it fits a half
  float nan;
  memcpy(&nan, &low_payload, sizeof nan);
  assert_int_equal(half_from_float(nan), 0x7e00);
  assert_true(bfloat16_to_float(0x3fc0) == 1.5f && bfloat16_to_float(0xc000) == -2.0f);
}

// ---------------------------------------------------------------------------------------------------------------------
// Safetensors

// Parses header and data in an allocation of just their size, so that ASan sees any step outside.
static mote_status parse_exact(const char *header, size_t header_bytes, size_t data_bytes, safetensors **st,
                               uint8_t **buffer, mote_error *error) {
  size_t bytes = 8 + header_bytes + data_bytes;
  uint64_t length = header_bytes;
  *buffer = calloc(bytes, 1);
  memcpy(*buffer, &length, 8);
  memcpy(*buffer + 8, header, header_bytes);
  return safetensors_parse("bad.st", *buffer, bytes, st, error);
}

static void assert_refused(const char *header, size_t header_bytes, size_t data_bytes, const char *expected) {
  uint8_t *buffer;
  safetensors *st = (safetensors *)1;
  mote_error error = {0};
  parse_exact(header, header_bytes, data_bytes, &st, &buffer, &error);
  assert_says(&error, MOTE_ERROR_FORMAT, expected);
  assert_ptr_equal(strstr(error.message, "bad.st: "), error.message);
  assert_null(st);
  free(buffer);
}

#define T(dtype, shape, offsets) "{\"dtype\":" dtype ",\"shape\":" shape ",\"data_offsets\":" offsets "}"
#define F4(offsets) T("\"F32\"", "[1]", offsets)

static const struct {
  const char *header;
  size_t data_bytes;
  const char *expected;
} hostile_headers[] = {
    // clang-format off
    {"", 0, "does not begin with '{'"},
    {" {}", 0, "does not begin with '{'"},
    {"[]", 0, "does not begin with '{'"},
    {"{", 0, "not valid JSON"},
    {"{\"a\":", 0, "not valid JSON"},
    {"{\"a", 0, "not valid JSON"},
    {"{\"a\\", 0, "not valid JSON"},
    {"{\"a\":1,", 0, "not valid JSON"},
    {"{\"a\\u00", 0, "not valid JSON"},
    {"{\"a\":1,}", 0, "not valid JSON"},
    {"{,\"a\":1}", 0, "not valid JSON"},
    {"{\"a\" 1}", 0, "not valid JSON"},
    {"{\"a\":}", 0, "not valid JSON"},
    {"{\"a\"}", 0, "not valid JSON"},
    {"{\"a\"::1}", 0, "not valid JSON"},
    {"{\"a\":1 2}", 0, "not valid JSON"},
    {"{\"a\":\"b\":1}", 0, "not valid JSON"},
    {"{\"a\":1:\"b\"}", 0, "not valid JSON"},
    {"{\"a\":{}:1}", 0, "not valid JSON"},
    {"{\"a\":[1],\"b\" \"c\"}", 0, "not valid JSON"},
    {"{1:2}", 0, "not valid JSON"},
    {"{a:2}", 0, "not valid JSON"},
    {"{[]:2}", 0, "not valid JSON"},
    {"{{}}", 0, "not valid JSON"},
    {"{1}", 0, "not valid JSON"},
    {"{]", 0, "not valid JSON"},
    {"{\"a\":[1}", 0, "not valid JSON"},
    {"{\"a\":[1}]", 0, "not valid JSON"},
    {"{\"a\":[1,,2]}", 0, "not valid JSON"},
    {"{\"a\":[1 2]}", 0, "not valid JSON"},
    {"{\"a\":[1,]}", 0, "not valid JSON"},
    {"{\"a\":[\"b\":1]}", 0, "not valid JSON"},
    {"{\"a\":[1:1]}", 0, "not valid JSON"},
    {"{\"a\":01}", 0, "not valid JSON near byte 5"},
    {"{\"a\":+1}", 0, "not valid JSON"},
    {"{\"a\":.5}", 0, "not valid JSON"},
    {"{\"a\":1.}", 0, "not valid JSON"},
    {"{\"a\":1e}", 0, "not valid JSON"},
    {"{\"a\":-}", 0, "not valid JSON"},
    {"{\"a\":0x1}", 0, "not valid JSON"},
    {"{\"a\":truely}", 0, "not valid JSON"},
    {"{\"a\":nul}", 0, "not valid JSON"},
    {"{\"a\":NaN}", 0, "not valid JSON"},
    {"{\"\\x\":1}", 0, "not valid JSON"},
    {"{\"\\ud800\":1}", 0, "not valid JSON"},
    {"{\"\\udc00\\ud800\":1}", 0, "not valid JSON"},
    {"{\"\\ud800\\u0041\":1}", 0, "not valid JSON"},
    {"{\"a\":[[[1,{\"b\":-0.5e+3}],true],null,\"\\ud83d\\ude00\\/\"]}", 0, "tensor 'a' is not described by a JSON object"},
    {"{} x", 0, "byte 3 of the header, after its JSON object"},
    {"{}{}", 0, "byte 2 of the header, after its JSON object"},
    {"{\"a\xff\":1}", 0, "byte 3 of the header is not UTF-8"},
    {"{\"\xc0\x80\":1}", 0, "not UTF-8"},
    {"{\"\xed\xa0\x80\":1}", 0, "not UTF-8"},
    {"{\"\xf4\x90\x80\x80\":1}", 0, "not UTF-8"},
    {"{\"\xe2\x82\":1}", 0, "not UTF-8"},
    {"{\"\xe2\x82", 0, "not UTF-8"},
    {"{\"a\nb\":1}", 0, "byte 3 of the header is a control character"},
    {"{\"a\\u0000b\":1}", 0, "byte 3 of the header is a NUL character"},
    {"{\"a\":[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]}", 0, "nested deeper than 16"},
    {"{\"a\":1}", 0, "tensor 'a' is not described by a JSON object"},
    {"{\"a\\u001b\xc3\xa9\":1}", 0, "tensor 'a\\x1b\xc3\xa9' is not"},
    {"{\"a\":{}}", 0, "tensor 'a' has no dtype"},
    {"{\"a\":" T("32", "[1]", "[0,4]") "}", 4, "tensor 'a' has no dtype string"},
    {"{\"a\":" T("\"f32\"", "[1]", "[0,4]") "}", 4, "tensor 'a' has the unknown dtype 'f32'"},
    {"{\"a\":" T("\"F32\",\"dtype\":\"F32\"", "[1]", "[0,4]") "}", 4, "tensor 'a' has more than one dtype"},
    {"{\"a\":" T("\"F32\"", "[1],\"shape\":[1]", "[0,4]") "}", 4, "tensor 'a' has more than one shape"},
    {"{\"a\":{\"dtype\":\"F32\"}}", 0, "tensor 'a' has no shape array"},
    {"{\"a\":" T("\"F32\"", "1", "[0,4]") "}", 4, "tensor 'a' has no shape array"},
    {"{\"a\":" T("\"F32\"", "[-1]", "[0,4]") "}", 4, "dimension 0 in the shape of tensor 'a'"},
    {"{\"a\":" T("\"F32\"", "[1,1.5]", "[0,4]") "}", 4, "dimension 1 in the shape of tensor 'a'"},
    {"{\"a\":" T("\"F32\"", "[\"1\"]", "[0,4]") "}", 4, "dimension 0 in the shape of tensor 'a'"},
    {"{\"a\":" T("\"F32\"", "[null]", "[0,4]") "}", 4, "dimension 0 in the shape of tensor 'a'"},
    {"{\"a\":" T("\"F32\"", "[1e999]", "[0,4]") "}", 4, "dimension 0 in the shape of tensor 'a'"},
    {"{\"a\":" T("\"F32\"", "[9007199254740993]", "[0,4]") "}", 4, "is not an integer from 0 to 2^53 - 1"},
    {"{\"a\":" T("\"F32\"", "[1,1,1,1,1,1,1,1,1]", "[0,4]") "}", 4, "tensor 'a' has 9 dimensions, expected at most 8"},
    {"{\"a\":" T("\"U8\"", "[4294967296,4294967296]", "[0,0]") "}", 0, "overflows"},
    {"{\"a\":" T("\"U8\"", "[0,4294967296,4294967296]", "[0,0]") "}", 0, "overflows"},
    {"{\"a\":" T("\"F64\"", "[2147483648,1073741824]", "[0,0]") "}", 0, "overflows"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1]}}", 4, "data_offsets of tensor 'a' are not two integers"},
    {"{\"a\":" F4("[0]") "}", 4, "data_offsets of tensor 'a' are not two integers"},
    {"{\"a\":" F4("[0,4,8]") "}", 4, "data_offsets of tensor 'a' are not two integers"},
    {"{\"a\":" F4("[-4,0]") "}", 4, "data_offsets of tensor 'a' are not two integers"},
    {"{\"a\":" F4("[0,4.5]") "}", 4, "data_offsets of tensor 'a' are not two integers"},
    {"{\"a\":" F4("[4,0]") "}", 4, "data_offsets [4, 0] of tensor 'a' run backwards"},
    {"{\"a\":" F4("[0,4]") "}", 3, "exceed the file's 3 bytes of data"},
    {"{\"a\":" F4("[9007199254740987,9007199254740991]") "}", 4, "exceed the file's 4 bytes of data"},
    {"{\"a\":" F4("[0,8]") "}", 8, "tensor 'a' span 8 bytes, its dtype and shape need 4"},
    {"{\"a\":" T("\"F32\"", "[0]", "[0,4]") "}", 4, "span 4 bytes, its dtype and shape need 0"},
    {"{\"a\":" F4("[0,4]") ",\"b\":" F4("[2,6]") "}", 6, "tensor 'b' begins at 2 and overlaps"},
    {"{\"a\":" F4("[0,4]") ",\"b\":" F4("[0,4]") "}", 4, "overlaps"},
    {"{\"a\":" F4("[0,4]") ",\"b\":" T("\"F32\"", "[0]", "[2,2]") "}", 4, "tensor 'b' begins at 2 and overlaps"},
    {"{\"a\":" F4("[4,8]") "}", 8, "bytes 0 to 4 of the data, before tensor 'a', belong to none"},
    {"{\"a\":" F4("[0,4]") ",\"b\":" F4("[8,12]") "}", 12, "bytes 4 to 8 of the data, before tensor 'b'"},
    {"{\"a\":" F4("[0,4]") "}", 5, "holds 5 bytes of data, its tensors end at 4"},
    {"{}", 1, "holds 1 bytes of data, its tensors end at 0"},
    {"{\"a\":" F4("[0,4]") ",\"a\":" F4("[4,8]") "}", 8, "tensor 'a' is there more than once"},
    {"{\"__metadata__\":[]}", 0, "__metadata__ is not a JSON object"},
    {"{\"__metadata__\":{\"k\":1}}", 0, "metadata 'k' is not a string"},
    {"{\"__metadata__\":{\"k\":\"\",\"k\":\"\"}}", 0, "metadata 'k' is there more than once"},
    {"{\"__metadata__\":{},\"__metadata__\":{}}", 0, "more than one __metadata__"},
    // clang-format on
};

static void hostile_safetensors_are_refused_and_the_reason_named(void **state) {
  (void)state;
  for (size_t i = 0; i < COUNT(hostile_headers); i++)
    assert_refused(hostile_headers[i].header, strlen(hostile_headers[i].header), hostile_headers[i].data_bytes,
                   hostile_headers[i].expected);
  assert_refused("{\0}", 3, 0, "byte 1 of the header is a control character");
  size_t bytes = 8500000;
  char *commas = malloc(bytes);
  for (size_t i = 0; i < bytes; i++) commas[i] = i % 2 ? ',' : '1';
  memcpy(commas, "{\"a\":[", 6);
  assert_refused(commas, bytes, 0, "more than 4000000 values");
  memset(commas, 'x', bytes);
  memcpy(commas, "{\"", 2), memcpy(commas + bytes - 4, "\":1}", 4);
  assert_refused(commas, bytes, 0, "xxx' is not described");
  free(commas);
}

static void safetensors_of_a_wrong_length_are_refused(void **state) {
  (void)state;
  safetensors *st;
  mote_error error;
  uint8_t file[16] = {9, 0, 0, 0, 0, 0, 0, 0, '{', '}', ' ', ' ', ' ', ' ', ' ', ' '};
  for (size_t bytes = 0; bytes < 8; bytes++) {
    assert_int_equal(safetensors_parse("bad.st", file, bytes, &st, &error), MOTE_ERROR_FORMAT);
    assert_says(&error, MOTE_ERROR_FORMAT, bytes ? "a safetensors file has at least 8" : "is empty");
  }
  safetensors_parse("bad.st", file, 16, &st, &error);
  assert_says(&error, MOTE_ERROR_FORMAT, "announces a header of 9 bytes, expected at most the 8 that follow");
  memset(file, 255, 8);
  safetensors_parse("bad.st", file, 16, &st, &error);
  assert_says(&error, MOTE_ERROR_FORMAT, "announces a header of 18446744073709551615 bytes");
  uint8_t *big = calloc(100000009, 1);
  uint64_t length = 100000001;
  memcpy(big, &length, 8);
  safetensors_parse("bad.st", big, 100000009, &st, &error);
  assert_says(&error, MOTE_ERROR_FORMAT, "and at most 100000000");
  free(big);
}

#define BYTES(literal) literal, sizeof literal - 1

static const struct {
  const char *bytes;
  size_t count;
  const char *name;
} others[] = {
    {BYTES("PK\3\4\0\0\10\10\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\20\0\22\0archive/data.pklFB"), "a PyTorch checkpoint"},
    {BYTES("PK\3\4\55\0\0\0\0\0\0\0\41\0\0\0\0\0\0\0\0\0\0\0\0\0\7\0\0\0arr.npy"), ".npz"},
    {BYTES("\x80\2\x8a\nl\xfc\x9c\x46\xf9 j\xa8P\x19."), "pickle"},
    {BYTES("GGUF\3\0\0\0\0\0\0\0"), "GGUF"},
    {BYTES("\x93NUMPY\1\0v\0{'descr'"), ".npy"},
    {BYTES("\x89HDF\r\n\x1a\n\0\0"), "HDF5"},
    {BYTES("\x89PNG\r\n\x1a\n\0\0\0\rIHDR"), "PNG"},
    {BYTES("\xff\xd8\xff\xe0\0\x10JFIF\0"), "JPEG"},
    {BYTES("RIFF\x24\0\0\0WEBPVP8 "), "WebP"},
    {BYTES("GIF89a\10\0\10\0"), "GIF"},
    {BYTES("\x1f\x8b\10\0\0\0\0\0\0\3"), "gzip"},
    {BYTES("version https://git-lfs.github.com/spec/v1\n"), "Git LFS"},
    {BYTES("<!DOCTYPE html>"), "HTML"},
    {BYTES("{\"weight_map\": {}}"), "JSON"},
    {BYTES("step,loss\n1,0.5\n"), "text"},
};

static void files_of_other_formats_are_called_by_their_name(void **state) {
  (void)state;
  for (size_t i = 0; i < COUNT(others); i++) {
    const char *path = in_directory("other.safetensors");
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    fwrite(others[i].bytes, 1, others[i].count, file);
    assert_int_equal(fclose(file), 0);
    mote_error error = {0};
    safetensors_file opened;
    safetensors *st;
    assert_int_equal(safetensors_open(path, &opened, &error), MOTE_ERROR_FORMAT);
    assert_says(&error, MOTE_ERROR_FORMAT, others[i].name);
    assert_int_equal(safetensors_parse("bad.st", others[i].bytes, others[i].count, &st, &error), MOTE_ERROR_FORMAT);
    assert_says(&error, MOTE_ERROR_FORMAT, others[i].name);
    unlink(path);
  }
  mote_error error = {0};
  safetensors_file opened;
  assert_int_equal(safetensors_open("/tmp", &opened, &error), MOTE_ERROR_FILE);
  assert_says(&error, MOTE_ERROR_FILE, "is a directory, expected a regular file");
}

// A header of that size may begin as a bitmap or a pickle does.
static void a_header_whose_length_looks_like_a_magic_number_is_read(void **state) {
  (void)state;
  static const size_t lengths[] = {0x0280, 0x4d42, 0x8b1f};
  for (size_t i = 0; i < COUNT(lengths); i++) {
    char *header = malloc(lengths[i]);
    memset(header, ' ', lengths[i]);
    memcpy(header, "{}", 2);
    uint8_t *buffer;
    safetensors *st;
    assert_int_equal(parse_exact(header, lengths[i], 0, &st, &buffer, NULL), MOTE_OK);
    safetensors_destroy(&st);
    free(buffer);
    free(header);
  }
}

// However much follows or is missing, it is told by the header, before anything is read or allocated for it.
static void files_are_as_long_as_their_header_says(void **state) {
  (void)state;
  static const char header[] = "{\"a\":" T("\"F32\"", "[40]", "[0,160]") "}";
  const struct {
    off_t bytes;
    const char *expected;
  } cases[] = {{8 + sizeof header - 1 + 160, NULL},
               {8 + sizeof header - 1 + 159, "exceed the file's 159 bytes of data; is it cut short?"},
               {8 + sizeof header - 1 + 161, "holds 161 bytes of data, its tensors end at 160"},
               {(off_t)1 << 40, "bytes of data, its tensors end at 160"},
               {40, "announces a header of"}};
  for (size_t i = 0; i < COUNT(cases); i++) {
    const char *path = in_directory("long.safetensors");
    const uint64_t length = sizeof header - 1;
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    fwrite(&length, 8, 1, file);
    fwrite(header, 1, sizeof header - 1, file);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(truncate(path, cases[i].bytes), 0);
    mote_error error = {0};
    safetensors_file opened;
    mote_status status = safetensors_open(path, &opened, &error);
    if (cases[i].expected) {
      assert_says(&error, MOTE_ERROR_FORMAT, cases[i].expected);
    } else {
      assert_int_equal(status, MOTE_OK);
      assert_null(opened.header->entries[0].data);
      assert_int_equal(safetensors_read_data(&opened, &error), MOTE_OK);
      float numbers[40];
      assert_true(safetensors_read_float(&opened.header->entries[0], numbers) && numbers[39] == 0);
      safetensors_close(&opened);
    }
    unlink(path);
  }
}

static void scalars_empty_tensors_and_every_dtype_are_read(void **state) {
  (void)state;
  static const char header[] =
      "{\"__metadata__\":{\"z\":\"1\",\"a\":\"\\u00e9\\n\\ud83d\\ude00\\u20ac\\b\"},\"scalar\":" T("\"F32\"", "[]", "[16,20]") ",\"none\":" T(
          "\"I64\"", "[3,0]", "[16,16]") ",\"bf\":" T("\"BF16\"", "[2]", "[20,24]") ",\"d\":{\"extra\":[{}],\"shape\":"
      "[2],\"dtype\":\"F64\",\"data_offsets\":[0,16]},\"i\":" T("\"I32\"", "[1,1]", "[24,28]") "}  \n";
  uint8_t *buffer;
  safetensors *st;
  assert_int_equal(parse_exact(header, strlen(header), 28, &st, &buffer, NULL), MOTE_OK);
  assert_int_equal(st->count, 5);
  assert_string_equal(safetensors_metadata(st, "a"), "\xc3\xa9\n\xf0\x9f\x98\x80\xe2\x82\xac\b");
  assert_null(safetensors_metadata(st, "b"));
  assert_null(safetensors_find(st, "__metadata__"));
  uint8_t *data = buffer + 8 + strlen(header);
  double doubles[2] = {0.1, 1e300};
  memcpy(data, doubles, 16), memcpy(data + 16, &(float){2.5f}, 4), memcpy(data + 20, "\xc0\x3f\x00\xc0", 4);
  float out[2];
  assert_true(safetensors_read_float(safetensors_find(st, "d"), out) && out[0] == 0.1f && isinf(out[1]));
  assert_true(safetensors_read_float(safetensors_find(st, "scalar"), out) && out[0] == 2.5f);
  assert_true(safetensors_read_float(safetensors_find(st, "bf"), out) && out[0] == 1.5f && out[1] == -2.0f);
  assert_false(safetensors_read_float(safetensors_find(st, "none"), out));
  assert_false(safetensors_read_float(safetensors_find(st, "i"), out));
  assert_int_equal(safetensors_find(st, "none")->element_count, 0);
  assert_int_equal(safetensors_find(st, "i")->dim_count, 2);
  assert_string_equal(safetensors_dtype_name(SAFETENSORS_U64), "U64");
  assert_int_equal(safetensors_dtype_bytes(SAFETENSORS_U64), 8);
  safetensors_destroy(&st);
  safetensors_destroy(&st);
  free(buffer);
}

static void what_safetensors_writes_is_laid_out_as_officially_and_read_back(void **state) {
  (void)state;
  const float values[] = {1.0f, -0.1f, 65504.0f, 1e-7f, INFINITY, 3.14159f};
  float large[10001], back[10001];
  for (int i = 0; i < 10001; i++) large[i] = half_to_float((uint16_t)(i * 3));
  const safetensors_tensor tensors[] = {{"b\"\xc3\xa9", SAFETENSORS_F32, 2, {2, 3}, values},
                                        {"h", SAFETENSORS_F16, 3, {1, 6, 1}, values},
                                        {"a", SAFETENSORS_F32, 0, {0}, values + 5},
                                        {"empty", SAFETENSORS_F16, 1, {0}, NULL},
                                        {"large", SAFETENSORS_F16, 1, {10001}, large}};
  const safetensors_pair metadata[] = {{"labels", "hero,item"}, {"k", "\"\\\n"}};
  const char *path = in_directory("a.safetensors");
  assert_int_equal(safetensors_write(path, tensors, 5, metadata, 2, NULL), MOTE_OK);
  uint8_t *data;
  size_t bytes;
  assert_int_equal(file_read(path, 1 << 20, &data, &bytes, NULL), MOTE_OK);
  unlink(path);
  uint64_t header_bytes;
  memcpy(&header_bytes, data, 8);
  assert_int_equal(header_bytes % 8, 0);
  safetensors *st;
  assert_int_equal(safetensors_parse(path, data, bytes, &st, NULL), MOTE_OK);
  const char *order[] = {"a", "b\"\xc3\xa9", "empty", "h", "large"};
  const uint8_t *next = data + 8 + header_bytes;
  for (size_t i = 0; i < 5; i++) {
    const safetensors_entry *entry = safetensors_find(st, order[i]);
    assert_ptr_equal(entry->data, next);
    next += entry->bytes;
  }
  assert_string_equal(safetensors_metadata(st, "labels"), "hero,item");
  assert_string_equal(safetensors_metadata(st, "k"), "\"\\\n");
  assert_true(safetensors_read_float(safetensors_find(st, "b\"\xc3\xa9"), back));
  assert_memory_equal(back, values, sizeof values);
  assert_true(safetensors_read_float(safetensors_find(st, "h"), back));
  for (int i = 0; i < 6; i++) assert_true(back[i] == half_to_float(half_from_float(values[i])));
  assert_true(safetensors_read_float(safetensors_find(st, "large"), back));
  assert_memory_equal(back, large, sizeof large);
  safetensors_destroy(&st);
  free(data);
}

static void safetensors_that_could_not_be_read_back_are_not_written(void **state) {
  (void)state;
  const float big = 65520.0f;
  const uint64_t huge = (uint64_t)1 << 62;
  const safetensors_tensor good = {"t", SAFETENSORS_F32, 1, {1}, &big};
  const struct {
    safetensors_tensor tensors[2];
    safetensors_pair metadata[2];
    const char *expected;
  } cases[] = {
      {{good, good}, {{"a", ""}, {"b", ""}}, "'t' is to be stored more than once"},
      {{good, {"u", SAFETENSORS_F32, 0, {0}, &big}}, {{"a", ""}, {"a", ""}}, "'a' is to be stored more than once"},
      {{good, {"__metadata__", SAFETENSORS_F32, 0, {0}, &big}}, {{"a", ""}, {"b", ""}}, "'__metadata__' is to be"},
      {{good, {"u", SAFETENSORS_I32, 0, {0}, &big}}, {{"a", ""}, {"b", ""}}, "'u' is to be stored as neither"},
      {{good, {"u", SAFETENSORS_F32, 1, {huge}, &big}}, {{"a", ""}, {"b", ""}}, "shape of tensor 'u' is out of range"},
      {{good, {"u", SAFETENSORS_F32, 9, {0}, &big}}, {{"a", ""}, {"b", ""}}, "shape of tensor 'u' is out of range"},
      {{good, {"u", SAFETENSORS_F16, 0, {0}, &big}},
       {{"a", ""}, {"b", ""}},
       "65520 in tensor 'u' is too large for F16"},
      {{good, {"\xff", SAFETENSORS_F32, 0, {0}, &big}}, {{"a", ""}, {"b", ""}}, "is not UTF-8"},
      {{good, {"u", SAFETENSORS_F32, 0, {0}, &big}}, {{"a", "\xff"}, {"b", ""}}, "is not UTF-8"},
  };
  mote_error error;
  for (size_t i = 0; i < COUNT(cases); i++) {
    assert_true(safetensors_write(in_directory("a"), cases[i].tensors, 2, cases[i].metadata, 2, &error));
    assert_says(&error, error.status, cases[i].expected);
    assert_int_equal(count_files(), 0);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_half_converts_to_its_value_and_back),
      cmocka_unit_test(floats_between_halfs_round_to_the_nearest_and_ties_to_even),
      cmocka_unit_test(extreme_floats_become_infinity_zero_or_nan),
      cmocka_unit_test(hostile_safetensors_are_refused_and_the_reason_named),
      cmocka_unit_test(safetensors_of_a_wrong_length_are_refused),
      cmocka_unit_test(files_of_other_formats_are_called_by_their_name),
      cmocka_unit_test(a_header_whose_length_looks_like_a_magic_number_is_read),
      cmocka_unit_test(files_are_as_long_as_their_header_says),
      cmocka_unit_test(scalars_empty_tensors_and_every_dtype_are_read),
      cmocka_unit_test(what_safetensors_writes_is_laid_out_as_officially_and_read_back),
      cmocka_unit_test(safetensors_that_could_not_be_read_back_are_not_written),
      cmocka_unit_test(every_test_left_the_directory_empty),
  };
  return cmocka_run_group_tests_name("safetensors", tests, make_directory, NULL);
}
