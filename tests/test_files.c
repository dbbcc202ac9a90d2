// test_files.c: files, halfs, safetensors and .npy: what is refused and why, what survives a round trip.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
// cmocka.h needs the three above.
#include <cmocka.h>
#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/file.h"
#include "graph/half.h"
#include "graph/npy.h"
#include "graph/safetensors.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

static char directory[64];  // of this run; every test leaves it empty

static const char *in_directory(const char *name) {
  static char path[128];
  snprintf(path, sizeof path, "%s/%s", directory, name);
  return path;
}

static int make_directory(void **state) {
  (void)state;
  strcpy(directory, "/tmp/mote_files_XXXXXX");
  return mkdtemp(directory) ? 0 : -1;
}

static int remove_directory(void **state) {
  (void)state;
  return rmdir(directory);
}

static int count_files(void) {
  DIR *listing = opendir(directory);
  assert_non_null(listing);
  int count = -2;  // . and ..
  while (readdir(listing)) count++;
  closedir(listing);
  return count;
}

static void write_text(const char *path, const char *text) {
  FILE *file = fopen(path, "wb");
  assert_non_null(file);
  fputs(text, file);
  assert_int_equal(fclose(file), 0);
}

static void assert_text(const char *path, const char *expected) {
  uint8_t *data;
  size_t bytes;
  mote_error error;
  assert_int_equal(file_read(path, 1000000, &data, &bytes, &error), MOTE_OK);
  assert_int_equal(bytes, strlen(expected));
  assert_string_equal((char *)data, expected);
  free(data);
}

static void assert_says(const mote_error *error, mote_status status, const char *expected) {
  if (error->status != status || !strstr(error->message, expected))
    fail_msg("expected status %d and '%s', found %d and '%s'", status, expected, error->status, error->message);
}

// ---------------------------------------------------------------------------------------------------------------------
// Files

static void reading_gives_every_byte_and_a_zero_after_them(void **state) {
  (void)state;
  const char *path = in_directory("a");
  uint8_t *data;
  size_t bytes;
  for (size_t size = 0; size < 200000; size = size * 3 + 1) {
    uint8_t *written = malloc(size + 1);
    for (size_t i = 0; i < size; i++) written[i] = (uint8_t)(i * 7 + i / 251);
    FILE *file = fopen(path, "wb");
    assert_int_equal(fwrite(written, 1, size, file), size);
    fclose(file);
    assert_int_equal(file_read(path, size, &data, &bytes, NULL), MOTE_OK);
    assert_int_equal(bytes, size);
    assert_int_equal(memcmp(data, written, size), 0);
    assert_int_equal(data[size], 0);
    free(data);
    free(written);
  }
  unlink(path);
}

static void reading_refuses_what_is_no_readable_file(void **state) {
  (void)state;
  uint8_t *data = (uint8_t *)1;
  size_t bytes;
  mote_error error;
  assert_int_equal(file_read(in_directory("absent"), 10, &data, &bytes, &error), MOTE_ERROR_FILE);
  assert_says(&error, MOTE_ERROR_FILE, "absent: cannot be opened: No such file");
  assert_null(data);
  file_read(directory, 10, &data, &bytes, &error);
  assert_says(&error, MOTE_ERROR_FILE, "is a directory");
  file_read("/dev/zero", 10, &data, &bytes, &error);
  assert_says(&error, MOTE_ERROR_FILE, "is a device or socket");
  file_read("/proc/self/mem", 10, &data, &bytes, &error);
  assert_says(&error, MOTE_ERROR_FILE, "cannot be read: Input/output error");
  write_text(in_directory("eleven"), "12345678901");
  file_read(in_directory("eleven"), 10, &data, &bytes, &error);
  assert_says(&error, MOTE_ERROR_FILE, "larger than 10 bytes");
  unlink(in_directory("eleven"));
}

static void reading_takes_pipes_and_files_without_a_size(void **state) {
  (void)state;
  int ends[2];
  uint8_t *data;
  size_t bytes;
  mote_error error;
  char path[32];
  for (size_t limit = 2; limit <= 3; limit++) {
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(write(ends[1], "abc", 3), 3);
    close(ends[1]);
    snprintf(path, sizeof path, "/proc/self/fd/%d", ends[0]);
    if (limit == 3) {
      assert_int_equal(file_read(path, limit, &data, &bytes, &error), MOTE_OK);
      assert_string_equal((char *)data, "abc");
      free(data);
    } else {
      assert_int_equal(file_read(path, limit, &data, &bytes, &error), MOTE_ERROR_FILE);
    }
    close(ends[0]);
  }
  assert_int_equal(file_read("/proc/self/status", 100000, &data, &bytes, &error), MOTE_OK);
  assert_true(bytes > 0);
  free(data);
}

static void a_pipe_longer_than_expected_is_read_to_its_end(void **state) {
  (void)state;
  enum { total = 300000 };
  int ends[2];
  uint8_t *data, *written = malloc(total);
  size_t bytes;
  char path[32];
  for (int i = 0; i < total; i++) written[i] = (uint8_t)(i * 7 + i / 251);
  assert_int_equal(pipe(ends), 0);
  assert_true(fcntl(ends[1], F_SETPIPE_SZ, 1 << 20) >= total);
  assert_int_equal(write(ends[1], written, total), total);
  close(ends[1]);
  snprintf(path, sizeof path, "/proc/self/fd/%d", ends[0]);
  assert_int_equal(file_read(path, total, &data, &bytes, NULL), MOTE_OK);
  close(ends[0]);
  assert_int_equal(bytes, total);
  assert_memory_equal(data, written, total);
  free(data);
  free(written);
}

static void a_file_is_replaced_only_at_commit_and_keeps_its_permissions(void **state) {
  (void)state;
  const char *path = in_directory("a");
  file_writer writer;
  struct stat info;
  mode_t old = umask(027);
  assert_int_equal(file_writer_init(&writer, path, NULL), MOTE_OK);
  assert_int_equal(file_writer_write(&writer, "old", 3, NULL), MOTE_OK);
  assert_int_equal(access(path, F_OK), -1);
  assert_int_equal(file_writer_commit(&writer, NULL), MOTE_OK);
  umask(old);
  file_writer_abort(&writer);
  assert_text(path, "old");
  assert_int_equal(stat(path, &info), 0);
  assert_int_equal(info.st_mode & 0777, 0640);
  chmod(path, 0606);
  assert_int_equal(file_writer_init(&writer, path, NULL), MOTE_OK);
  fprintf(writer.stream, "new%d", 1);
  assert_text(path, "old");
  assert_int_equal(count_files(), 2);
  assert_int_equal(file_writer_commit(&writer, NULL), MOTE_OK);
  assert_text(path, "new1");
  stat(path, &info);
  assert_int_equal(info.st_mode & 0777, 0606);
  assert_int_equal(count_files(), 1);
  unlink(path);
}

static void an_aborted_write_leaves_the_old_file_and_nothing_else(void **state) {
  (void)state;
  const char *path = in_directory("a");
  write_text(path, "old");
  file_writer writer, nothing = {0};
  file_writer_abort(&nothing);
  assert_int_equal(file_writer_init(&writer, path, NULL), MOTE_OK);
  assert_int_equal(file_writer_write(&writer, "new", 3, NULL), MOTE_OK);
  file_writer_abort(&writer);
  file_writer_abort(&writer);
  assert_text(path, "old");
  assert_int_equal(count_files(), 1);
  unlink(path);
}

// Runs `write_big` while no file may grow past 4096 bytes, as on a full disk.
static void with_full_disk(void (*write_big)(const char *path, mote_error *error)) {
  const char *path = in_directory("a");
  write_text(path, "old");
  mote_error error = {0};
  struct rlimit limit, small;
  void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
  getrlimit(RLIMIT_FSIZE, &limit);
  small = (struct rlimit){4096, limit.rlim_max};
  assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
  write_big(path, &error);
  setrlimit(RLIMIT_FSIZE, &limit);
  signal(SIGXFSZ, handler);
  assert_says(&error, MOTE_ERROR_FILE, "a: cannot be written: File too large");
  assert_text(path, "old");
  assert_int_equal(count_files(), 1);
  unlink(path);
}

static const float zeros[10000];

static void write_big_directly(const char *path, mote_error *error) {
  file_writer writer;
  assert_int_equal(file_writer_init(&writer, path, error), MOTE_OK);
  assert_int_equal(file_writer_write(&writer, zeros, sizeof zeros, NULL), MOTE_ERROR_FILE);
  assert_int_equal(file_writer_commit(&writer, error), MOTE_ERROR_FILE);  // remembers
}

static void write_big_in_small_parts(const char *path, mote_error *error) {
  file_writer writer;
  assert_int_equal(file_writer_init(&writer, path, error), MOTE_OK);
  for (int i = 0; i < 4100; i++) file_writer_write(&writer, zeros, 1, NULL);
  assert_int_equal(file_writer_commit(&writer, error), MOTE_ERROR_FILE);
}

static void write_big_npy(const char *path, mote_error *error) {
  assert_int_equal(npy_write_float(path, (uint64_t[]){10000}, 1, zeros, error), MOTE_ERROR_FILE);
}

static void write_big_safetensors(const char *path, mote_error *error) {
  for (int half = 0; half < 2; half++) {
    safetensors_tensor tensor = {"t", half ? SAFETENSORS_F16 : SAFETENSORS_F32, 1, {10000}, zeros};
    assert_int_equal(safetensors_write(path, &tensor, 1, NULL, 0, error), MOTE_ERROR_FILE);
  }
}

static void a_full_disk_is_noticed_and_leaves_the_old_file_whole(void **state) {
  (void)state;
  with_full_disk(write_big_directly);
  with_full_disk(write_big_in_small_parts);
  with_full_disk(write_big_npy);
  with_full_disk(write_big_safetensors);
}

static void a_failure_to_rename_leaves_nothing_behind(void **state) {
  (void)state;
  const char *path = in_directory("a");
  file_writer writer;
  mote_error error;
  assert_int_equal(file_writer_init(&writer, path, NULL), MOTE_OK);
  assert_int_equal(mkdir(path, 0777), 0);
  assert_int_equal(file_writer_commit(&writer, &error), MOTE_ERROR_FILE);
  assert_says(&error, MOTE_ERROR_FILE, "a: cannot be written: Is a directory");
  assert_int_equal(count_files(), 1);
  rmdir(path);
}

static void devices_are_written_in_place(void **state) {
  (void)state;
  mote_error error;
  struct stat info;
  assert_int_equal(file_check_writable("/dev/full", NULL), MOTE_OK);
  assert_int_equal(npy_write_u8("/dev/full", (uint64_t[]){1}, 1, (uint8_t *)"x", &error), MOTE_ERROR_FILE);
  assert_says(&error, MOTE_ERROR_FILE, "/dev/full: cannot be written: No space left on device");
  assert_int_equal(npy_write_u8("/dev/null", (uint64_t[]){1}, 1, (uint8_t *)"x", &error), MOTE_OK);
  stat("/dev/null", &info);
  assert_true(S_ISCHR(info.st_mode));
}

static void symbolic_links_are_followed(void **state) {
  (void)state;
  char link_path[128];
  strcpy(link_path, in_directory("link"));
  mote_error error;
  struct stat info;
  assert_int_equal(symlink("a", link_path), 0);
  assert_int_equal(file_check_writable(link_path, &error), MOTE_ERROR_FILE);
  assert_says(&error, MOTE_ERROR_FILE, "is a symbolic link to a file that does not exist");
  write_text(in_directory("a"), "old");
  file_writer writer;
  assert_int_equal(file_writer_init(&writer, link_path, NULL), MOTE_OK);
  file_writer_write(&writer, "new", 3, NULL);
  assert_int_equal(file_writer_commit(&writer, NULL), MOTE_OK);
  assert_text(in_directory("a"), "new");
  lstat(link_path, &info);
  assert_true(S_ISLNK(info.st_mode));
  unlink(link_path);
  unlink(in_directory("a"));
}

static void checking_whether_a_path_can_be_written_changes_nothing(void **state) {
  (void)state;
  const char *path = in_directory("a");
  assert_int_equal(file_check_writable(path, NULL), MOTE_OK);
  assert_int_equal(count_files(), 0);
  write_text(path, "old");
  assert_int_equal(file_check_writable(path, NULL), MOTE_OK);
  assert_text(path, "old");
  assert_int_equal(count_files(), 1);
  unlink(path);
  assert_int_equal(chdir(directory), 0);
  assert_int_equal(file_check_writable("bare_name", NULL), MOTE_OK);
  assert_int_equal(chdir("/"), 0);
}

static void checking_names_why_a_path_cannot_be_written(void **state) {
  (void)state;
  char long_name[300], long_path[PATH_MAX + 10];
  memset(long_name, 'x', 299), long_name[299] = 0;
  memset(long_path, '/', sizeof long_path - 1), long_path[sizeof long_path - 1] = 0;
  const struct {
    const char *path, *expected;
  } cases[] = {
      {"", "the output path is empty"},
      {"/tmp", "/tmp: is a directory"},
      {"/absent_directory/a", "/absent_directory/a: cannot be written: No such file or directory"},
      {"/tmp/absent_directory/", "names a directory that does not exist"},
      {"/dev/null/a", "Not a directory"},
      {"/proc/a", "cannot be written"},
      {long_name, "File name too long"},
      {long_path, ""},  // the reason is cut off with the path
  };
  mote_error error;
  for (size_t i = 0; i < COUNT(cases); i++) {
    assert_int_equal(file_check_writable(cases[i].path, &error), MOTE_ERROR_FILE);
    assert_says(&error, MOTE_ERROR_FILE, cases[i].expected);
  }
  if (geteuid() == 0) return;  // whom permissions do not stop
  write_text(in_directory("a"), "old");
  chmod(in_directory("a"), 0444);
  assert_int_equal(file_check_writable(in_directory("a"), &error), MOTE_ERROR_FILE);
  assert_says(&error, MOTE_ERROR_FILE, "Permission denied");
  unlink(in_directory("a"));
  chmod(directory, 0555);
  assert_int_equal(file_check_writable(in_directory("a"), &error), MOTE_ERROR_FILE);
  assert_says(&error, MOTE_ERROR_FILE, "Permission denied");
  chmod(directory, 0777);
}

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
    {"{\"a\\u001b\xc3\xa9\":1}", 0, "tensor 'a?" "?" "?' is not"},
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
  assert_refused(commas, bytes, 0, "xxx...' is not described");
  free(commas);
}

static void safetensors_of_a_wrong_length_are_refused(void **state) {
  (void)state;
  safetensors *st;
  mote_error error;
  uint8_t file[16] = {9, 0, 0, 0, 0, 0, 0, 0, '{', '}', ' ', ' ', ' ', ' ', ' ', ' '};
  for (size_t bytes = 0; bytes < 8; bytes++) {
    assert_int_equal(safetensors_parse("bad.st", file, bytes, &st, &error), MOTE_ERROR_FORMAT);
    assert_says(&error, MOTE_ERROR_FORMAT, "a safetensors file has at least 8");
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

static void scalars_empty_tensors_and_every_dtype_are_read(void **state) {
  (void)state;
  static const char header[] =
      "{\"__metadata__\":{\"z\":\"1\",\"a\":\"\\u00e9\\n\"},\"scalar\":" T("\"F32\"", "[]", "[16,20]") ",\"none\":" T(
          "\"I64\"", "[3,0]", "[16,16]") ",\"bf\":" T("\"BF16\"", "[2]", "[20,24]") ",\"d\":{\"extra\":[{}],\"shape\":"
      "[2],\"dtype\":\"F64\",\"data_offsets\":[0,16]},\"i\":" T("\"I32\"", "[1,1]", "[24,28]") "}  \n";
  uint8_t *buffer;
  safetensors *st;
  assert_int_equal(parse_exact(header, strlen(header), 28, &st, &buffer, NULL), MOTE_OK);
  assert_int_equal(st->count, 5);
  assert_string_equal(safetensors_metadata(st, "a"), "\xc3\xa9\n");
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

// ---------------------------------------------------------------------------------------------------------------------
// NPY

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
    {N("'>f4'", "False", "()"), 4, "dtype is '>f4', expected '<f4'"},
    {N("'|O'", "False", "()"), 8, "dtype is '|O', expected"},
    {N("'<f4'", "True", "()"), 4, "save numpy.ascontiguousarray(x) instead"},
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
      cmocka_unit_test(reading_gives_every_byte_and_a_zero_after_them),
      cmocka_unit_test(reading_refuses_what_is_no_readable_file),
      cmocka_unit_test(reading_takes_pipes_and_files_without_a_size),
      cmocka_unit_test(a_pipe_longer_than_expected_is_read_to_its_end),
      cmocka_unit_test(a_file_is_replaced_only_at_commit_and_keeps_its_permissions),
      cmocka_unit_test(an_aborted_write_leaves_the_old_file_and_nothing_else),
      cmocka_unit_test(a_full_disk_is_noticed_and_leaves_the_old_file_whole),
      cmocka_unit_test(a_failure_to_rename_leaves_nothing_behind),
      cmocka_unit_test(devices_are_written_in_place),
      cmocka_unit_test(symbolic_links_are_followed),
      cmocka_unit_test(checking_whether_a_path_can_be_written_changes_nothing),
      cmocka_unit_test(checking_names_why_a_path_cannot_be_written),
      cmocka_unit_test(every_half_converts_to_its_value_and_back),
      cmocka_unit_test(floats_between_halfs_round_to_the_nearest_and_ties_to_even),
      cmocka_unit_test(extreme_floats_become_infinity_zero_or_nan),
      cmocka_unit_test(hostile_safetensors_are_refused_and_the_reason_named),
      cmocka_unit_test(safetensors_of_a_wrong_length_are_refused),
      cmocka_unit_test(scalars_empty_tensors_and_every_dtype_are_read),
      cmocka_unit_test(what_safetensors_writes_is_laid_out_as_officially_and_read_back),
      cmocka_unit_test(safetensors_that_could_not_be_read_back_are_not_written),
      cmocka_unit_test(hostile_npys_are_refused_and_the_reason_named),
      cmocka_unit_test(npys_cut_anywhere_or_of_another_version_are_refused),
      cmocka_unit_test(npys_in_any_spelling_and_dtype_are_converted),
      cmocka_unit_test(what_npy_writes_is_aligned_and_read_back),
  };
  return cmocka_run_group_tests_name("files", tests, make_directory, remove_directory);
}
