// test_dataset_arrays.c: images to train on from .npy and .npz files: every type and shape that is read, and what is refused.
#include <math.h>

#include <zlib.h>

#include "tests/dataset_support.h"

// ---------------------------------------------------------------------------------------------------------------------
// .npy

// The bytes of a .npy file; returns their count.
static size_t make_npy(uint8_t *file, const char *dtype, const char *fortran, const char *shape, const void *data,
                       size_t bytes) {
  memcpy(file, "\x93NUMPY\x01\x00", 8);
  int length = snprintf((char *)file + 10, 128, "{'descr': '%s', 'fortran_order': %s, 'shape': %s, }\n", dtype, fortran, shape);
  file[8] = (uint8_t)length, file[9] = 0;
  memcpy(file + 10 + length, data, bytes);
  return 10 + (size_t)length + bytes;
}

static void write_array(const char *name, const char *dtype, const char *fortran, const char *shape, const void *data,
                        size_t bytes) {
  uint8_t file[4096];
  assert_true(bytes < sizeof file - 200);
  write_bytes(in(name), file, make_npy(file, dtype, fortran, shape, data, bytes));
}

static void write_npy(const char *name, const char *dtype, const char *shape, const void *data, size_t bytes) {
  write_array(name, dtype, "False", shape, data, bytes);
}

static void numpy_labels_are_read_in_every_form(void **state) {
  (void)state;
  static const struct {
    const char *dtype, *shape;
    union {
      uint8_t u1[12];
      int16_t i2[3];
      uint64_t u8[3];
      float f4[9];
    } data;
    size_t bytes;
  } forms[] = {
      {"|u1", "(3,)", {.u1 = {2, 0, 2}}, 3},
      {"|i1", "(3, 1)", {.u1 = {2, 0, 2}}, 3},
      {"<i2", "(3,)", {.i2 = {2, 0, 2}}, 6},
      {">i2", "(3,)", {.i2 = {512, 0, 512}}, 6},
      {"<u8", "(3, 1)", {.u8 = {2, 0, 2}}, 24},
      {"|b1", "(3, 3)", {.u1 = {0, 0, 1, 1, 0, 0, 0, 0, 1}}, 9},
      {"<f4", "(3, 3)", {.f4 = {0, 0, 1, 1, 0, 0, 0, 0, 1}}, 36},
  };
  uint8_t pixels[3 * 16] = {0};
  write_npy("x.npy", "|u1", "(3, 4, 4)", pixels, sizeof pixels);
  for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
    dataset set;
    write_npy("y.npy", forms[i].dtype, forms[i].shape, &forms[i].data, forms[i].bytes);
    read_set(&set, (dataset_desc){.path = in("x.npy"), .labels = in("y.npy")});
    assert_memory_equal(set.labels, ((int[]){2, 0, 2}), 3 * sizeof(int));
    assert_int_equal(set.class_count, 3);
    dataset_finish(&set);
  }
}

static void npy_pairs_are_read_with_integer_and_one_hot_labels(void **state) {
  (void)state;
  uint8_t pixels[3 * 48];
  for (size_t i = 0; i < sizeof pixels; i++) pixels[i] = (uint8_t)i;
  write_npy("x.npy", "|u1", "(3, 4, 4, 3)", pixels, sizeof pixels);
  write_npy("integers.npy", "<i8", "(3,)", (int64_t[]){2, 0, 2}, 24);
  write_npy("one_hot.npy", "<f8", "(3, 4)", (double[]){0, 0, 1, 0, 1, 0, 0, 0, 0, 0, 1, 0}, 96);
  for (int one_hot = 0; one_hot < 2; one_hot++) {
    dataset set;
    float *contexts = NULL;
    mote_error error;
    read_set(&set, (dataset_desc){.path = in("x.npy"), .labels = in(one_hot ? "one_hot.npy" : "integers.npy")});
    assert_memory_equal(set.pixels, pixels, sizeof pixels);
    assert_memory_equal(set.labels, ((int[]){2, 0, 2}), 3 * sizeof(int));
    assert_int_equal(set.class_count, one_hot ? 4 : 3);
    assert_string_equal(set.classes[2], "2");
    assert_int_equal(dataset_contexts(&set, &contexts, &error), MOTE_OK);
    assert_true(contexts[2] == 1 && contexts[one_hot ? 4 : 3] == 1 && contexts[0] == 0);
    free(contexts);
    dataset_finish(&set);
  }
}

static void npy_images_keep_their_channels(void **state) {
  (void)state;
  uint8_t pixels[16 * 4];
  for (size_t i = 0; i < sizeof pixels; i++) pixels[i] = (uint8_t)(i * 3);
  for (int channels = 1; channels <= 4; channels++) {
    char shape[32];
    dataset set;
    snprintf(shape, sizeof shape, "(1, 4, 4, %d)", channels);
    write_npy("x.npy", "|u1", shape, pixels, (size_t)(16 * channels));
    read_set(&set, (dataset_desc){.path = in("x.npy")});
    assert_int_equal(set.size.channels, channels);
    assert_memory_equal(set.pixels, pixels, (size_t)(16 * channels));
    dataset_finish(&set);
  }
}

// Pixel p = 6 y + x of channel c in image n is 100 n + 10 c + p.
static void channels_may_come_first_or_not_at_all(void **state) {
  (void)state;
  static const struct {
    const char *shape, *order;
    int channels;
  } arrays[] = {{"(2, 5, 6)", "False", 1},    {"(2, 1, 5, 6)", "False", 1}, {"(2, 3, 5, 6)", "False", 3},
                {"(2, 4, 5, 6)", "False", 4}, {"(2, 3, 5, 6)", "True", 3}};
  for (size_t i = 0; i < sizeof arrays / sizeof arrays[0]; i++) {
    const int channels = arrays[i].channels;
    uint8_t data[2 * 4 * 30];
    for (int n = 0; n < 2; n++)
      for (int c = 0; c < channels; c++)
        for (int p = 0; p < 30; p++)
          data[arrays[i].order[0] == 'T' ? n + 2 * (c + channels * (p / 6 + 5 * (p % 6))) : (n * channels + c) * 30 + p] =
              (uint8_t)(100 * n + 10 * c + p);
    write_array("x.npy", "|u1", arrays[i].order, arrays[i].shape, data, (size_t)(2 * channels * 30));
    dataset set;
    read_set(&set, (dataset_desc){.path = in("x.npy"), .pad = {8, 8}});
    assert_int_equal(set.count, 2);
    assert_int_equal(set.size.channels, channels);
    for (int n = 0; n < 2; n++)
      for (int c = 0; c < channels; c++)
        for (int p = 0; p < 30; p++)
          assert_int_equal(set.pixels[((n * 8 + p / 6 + 1) * 8 + p % 6 + 1) * channels + c], (uint8_t)(100 * n + 10 * c + p));
    dataset_finish(&set);
  }
}

static void numbers_of_every_type_become_bytes_by_their_range(void **state) {
  (void)state;
  static const struct {
    const char *dtype;
    union {
      uint8_t u1[4];
      int16_t i2[4];
      float f4[4];
    } data;
    dataset_range range;
    uint8_t expected[4];
  } arrays[] = {
      {"<i2", {.i2 = {0, 1, 128, 255}}, DATASET_RANGE_AUTO, {0, 1, 128, 255}},
      {">u2", {.i2 = {0, 256, -32768, -256}}, DATASET_RANGE_AUTO, {0, 1, 128, 255}},
      {"|b1", {.u1 = {0, 1, 1, 0}}, DATASET_RANGE_AUTO, {0, 255, 255, 0}},
      {"|u1", {.u1 = {0, 1, 1, 0}}, DATASET_RANGE_0_1, {0, 255, 255, 0}},
      {"<f4", {.f4 = {-1, 0, 0.5f, 1}}, DATASET_RANGE_AUTO, {0, 128, 191, 255}},
      {"<f4", {.f4 = {0, 0.25f, 0.5f, 1}}, DATASET_RANGE_0_1, {0, 64, 128, 255}},
      {"<f4", {.f4 = {0, 0.4f, 17.5f, 255}}, DATASET_RANGE_0_255, {0, 0, 18, 255}},
      {"<f4", {.f4 = {0, 0.25f, 0.5f, 1}}, DATASET_RANGE_1_1, {128, 159, 191, 255}},
  };
  for (size_t i = 0; i < sizeof arrays / sizeof arrays[0]; i++) {
    uint8_t data[64];
    const size_t size = arrays[i].dtype[2] == '1' ? 1 : arrays[i].dtype[2] == '2' ? 2 : 4;
    for (size_t k = 0; k < 16; k++) memcpy(data + k * size, (const uint8_t *)&arrays[i].data + k % 4 * size, size);
    write_npy("x.npy", arrays[i].dtype, "(1, 4, 4)", data, 16 * size);
    dataset set;
    read_set(&set, (dataset_desc){.path = in("x.npy"), .range = arrays[i].range});
    assert_memory_equal(set.pixels + 12, arrays[i].expected, 4);
    dataset_finish(&set);
  }
}

static void numbers_that_do_not_tell_their_range_or_leave_it_are_refused(void **state) {
  (void)state;
  static const struct {
    float least, most;
    dataset_range range;
    const char *found, *cure;
  } arrays[] = {{0, 0.75f, DATASET_RANGE_AUTO, "from 0 to 0.75", "--range 0-1"},
                {0, 255, DATASET_RANGE_AUTO, "from 0 to 255", "x.astype('uint8')"},
                {-1.5f, 1, DATASET_RANGE_AUTO, "from -1.5 to 1", "expected -1 to 1"},
                {-0.5f, 1, DATASET_RANGE_0_1, "from -0.5 to 1", "expected 0 to 1"},
                {0, 256, DATASET_RANGE_0_255, "from 0 to 256", "astype('uint8')"},
                {0, NAN, DATASET_RANGE_0_1, "found nan at element 15", "numpy.nan_to_num"},
                {-INFINITY, 1, DATASET_RANGE_AUTO, "found -inf at element 0", "finite"}};
  float data[16] = {0};
  for (size_t i = 0; i < sizeof arrays / sizeof arrays[0]; i++) {
    data[0] = arrays[i].least, data[15] = arrays[i].most;
    write_npy("x.npy", "<f4", "(1, 4, 4)", data, sizeof data);
    refused((dataset_desc){.path = in("x.npy"), .range = arrays[i].range}, MOTE_ERROR_FORMAT, arrays[i].found, arrays[i].cure);
  }
  int16_t integers[16] = {[3] = 256};
  write_npy("x.npy", "<i2", "(1, 4, 4)", integers, sizeof integers);
  refused((dataset_desc){.path = in("x.npy")}, MOTE_ERROR_FORMAT, "from 0 to 256", "expected 0 to 255");
  integers[3] = -1;
  write_npy("x.npy", "<i2", "(1, 4, 4)", integers, sizeof integers);
  refused((dataset_desc){.path = in("x.npy")}, MOTE_ERROR_FORMAT, "from -1 to 0", "expected 0 to 255");
}

static void arrays_that_could_be_read_in_two_ways_are_squares(void **state) {
  (void)state;
  static const struct {
    const char *shape;
    int width, height, channels;
  } arrays[] = {{"(2, 3, 4, 4)", 4, 4, 3}, {"(2, 4, 4, 3)", 4, 4, 3}, {"(2, 4, 4, 4)", 4, 4, 4}, {"(2, 3, 3, 4)", 3, 3, 4}};
  uint8_t bytes[128] = {0};
  for (size_t i = 0; i < sizeof arrays / sizeof arrays[0]; i++) {
    dataset set;
    write_npy("x.npy", "|u1", arrays[i].shape, bytes, 2 * (size_t)(arrays[i].width * arrays[i].height * arrays[i].channels));
    read_set(&set, (dataset_desc){.path = in("x.npy")});
    assert_true(set.size.width == arrays[i].width && set.size.height == arrays[i].height && set.size.channels == arrays[i].channels);
    dataset_finish(&set);
  }
}

static void faulty_npy_files_are_refused(void **state) {
  (void)state;
  uint8_t bytes[512] = {0};
  dataset_desc desc = {.path = in("x.npy")};
  write_npy("x.npy", "|u1", "(4, 16)", bytes, 64);
  refused(desc, MOTE_ERROR_FORMAT, "found 2 dimensions, shape (4, 16)", "x.reshape(-1, 4, 4)");
  write_npy("x.npy", "|u1", "(4, 48)", bytes, 192);
  refused(desc, MOTE_ERROR_FORMAT, "(N, H, W, C)", "x.reshape(-1, 3, 4, 4)");
  write_npy("x.npy", "|u1", "(1, 1, 1, 4, 4)", bytes, 16);
  refused(desc, MOTE_ERROR_FORMAT, "found 5 dimensions", "(N, H, W, C)");
  write_npy("x.npy", "|u1", "(0, 4, 4, 3)", bytes, 0);
  refused(desc, MOTE_ERROR_FORMAT, "empty array", "x.npy");
  write_npy("x.npy", "|u1", "(2, 3, 5, 4)", bytes, 120);
  refused(desc, MOTE_ERROR_FORMAT, "shape (2, 3, 5, 4)", "first or last");
  write_npy("x.npy", "|u1", "(1, 8, 8, 5)", bytes, 320);
  refused(desc, MOTE_ERROR_FORMAT, "5 channels", "1 to 4 channels last");
  write_npy("x.npy", "|O", "(1, 4, 4, 1)", bytes, 128);
  refused(desc, MOTE_ERROR_FORMAT, "dtype is '|O'", "expected integers");
  write_bytes(in("x.npy"), "not an array", 12);
  refused(desc, MOTE_ERROR_FORMAT, "x.npy", "");
}

static void faulty_labels_are_refused(void **state) {
  (void)state;
  uint8_t pixels[2 * 16] = {0};
  dataset_desc desc = {.path = in("x.npy"), .labels = in("l.npy")};
  write_npy("x.npy", "|u1", "(2, 4, 4, 1)", pixels, sizeof pixels);
  refused(desc, MOTE_ERROR_FILE, "l.npy", "No such file");
  write_npy("l.npy", "<i4", "(3,)", (int32_t[]){0, 1, 2}, 12);
  refused(desc, MOTE_ERROR_FORMAT, "found 3 rows", "(2,)");
  write_npy("l.npy", "<i4", "(2,)", (int32_t[]){0, 1024}, 8);
  refused(desc, MOTE_ERROR_FORMAT, "label 1024 at element 1", "0 to 1023");
  write_npy("l.npy", "<i4", "(2,)", (int32_t[]){-1, 0}, 8);
  refused(desc, MOTE_ERROR_FORMAT, "label -1 at element 0", "0 to 1023");
  write_npy("l.npy", "<f4", "(2,)", (float[]){0, 1}, 8);
  refused(desc, MOTE_ERROR_FORMAT, "l.npy: found dtype <f4, expected integers", "y.astype(int)");
  write_npy("l.npy", "<f4", "(2, 1)", (float[]){0, 1}, 8);
  refused(desc, MOTE_ERROR_FORMAT, "expected integers", "y.ravel().astype(int)");
  write_npy("l.npy", "|u1", "(1, 2)", (uint8_t[]){0, 1}, 2);
  refused(desc, MOTE_ERROR_FORMAT, "shape (1, 2)", "y.ravel()");
  write_npy("l.npy", "<u8", "(2,)", (uint64_t[]){0, UINT64_MAX}, 16);
  refused(desc, MOTE_ERROR_FORMAT, "expected 0 to 1023", "numpy.unique");
  write_npy("l.npy", "|u1", "(2, 1025)", (uint8_t[2050]){0}, 2050);
  refused(desc, MOTE_ERROR_FORMAT, "found 1025 classes", "1 to 1024");
  write_npy("l.npy", "<f4", "(2, 2)", (float[]){0, 1, 1, 1}, 16);
  refused(desc, MOTE_ERROR_FORMAT, "row 1 is not one-hot", "single 1");
  write_npy("l.npy", "<f4", "(2, 2)", (float[]){0, 0, 0, 1}, 16);
  refused(desc, MOTE_ERROR_FORMAT, "row 0 is not one-hot", "single 1");
  write_npy("l.npy", "<f4", "(2, 2)", (float[]){0, 0.5, 0, 1}, 16);
  refused(desc, MOTE_ERROR_FORMAT, "row 0 is not one-hot", "single 1");
}

// ---------------------------------------------------------------------------------------------------------------------
// .npz

typedef struct zip {
  uint8_t bytes[8192], list[2048];
  size_t count, list_bytes;
  int members;
} zip;

static void put(uint8_t **at, uint64_t value, int bytes) {
  for (int i = 0; i < bytes; i++) *(*at)++ = (uint8_t)(value >> (8 * i));
}

// As Python writes it; `wide` puts the sizes into zip64 fields.
static void add_member(zip *z, const char *name, const uint8_t *data, size_t bytes, int method, bool wide) {
  uint8_t packed[4096], *local = z->bytes + z->count, *entry = z->list + z->list_bytes;
  z_stream stream = {0};
  size_t packed_bytes = bytes;
  memcpy(packed, data, bytes);
  if (method == 8) {
    assert_int_equal(deflateInit2(&stream, 9, Z_DEFLATED, -MAX_WBITS, 8, Z_DEFAULT_STRATEGY), Z_OK);
    stream.next_in = (uint8_t *)(uintptr_t)data, stream.avail_in = (uInt)bytes;
    stream.next_out = packed, stream.avail_out = sizeof packed;
    assert_int_equal(deflate(&stream, Z_FINISH), Z_STREAM_END);
    packed_bytes = stream.total_out;
    deflateEnd(&stream);
  }
  const uint32_t crc = (uint32_t)crc32(0, data, (uInt)bytes);
  const uint64_t ones = UINT32_MAX, name_bytes = strlen(name), offset = z->count, extra = wide ? 28 : 0;
  put(&local, 0x04034b50, 4), put(&local, 20, 2), put(&local, 0, 2), put(&local, (uint64_t)method, 2), put(&local, 0, 4);
  put(&local, crc, 4), put(&local, packed_bytes, 4), put(&local, bytes, 4), put(&local, name_bytes, 2), put(&local, 3, 2);
  memcpy(local, name, name_bytes), local += name_bytes;
  memcpy(local, "???", 3), local += 3;
  memcpy(local, packed, packed_bytes), local += packed_bytes;
  z->count = (size_t)(local - z->bytes);
  put(&entry, 0x02014b50, 4), put(&entry, 20, 2), put(&entry, 20, 2), put(&entry, 0, 2), put(&entry, (uint64_t)method, 2);
  put(&entry, 0, 4), put(&entry, crc, 4), put(&entry, wide ? ones : packed_bytes, 4), put(&entry, wide ? ones : bytes, 4);
  put(&entry, name_bytes, 2), put(&entry, extra, 2), put(&entry, 0, 2), put(&entry, 0, 2), put(&entry, 0, 2), put(&entry, 0, 4);
  put(&entry, wide ? ones : offset, 4);
  memcpy(entry, name, name_bytes), entry += name_bytes;
  if (wide) put(&entry, 1, 2), put(&entry, 24, 2), put(&entry, bytes, 8), put(&entry, packed_bytes, 8), put(&entry, offset, 8);
  z->list_bytes = (size_t)(entry - z->list);
  z->members++;
}

static void end_zip(zip *z, bool wide) {
  const uint64_t offset = z->count, ones = UINT32_MAX, members = (uint64_t)z->members;
  uint8_t *at = z->bytes + z->count;
  memcpy(at, z->list, z->list_bytes), at += z->list_bytes;
  const uint64_t end64 = (uint64_t)(at - z->bytes);
  if (wide) {
    put(&at, 0x06064b50, 4), put(&at, 44, 8), put(&at, 45, 2), put(&at, 45, 2), put(&at, 0, 8), put(&at, members, 8);
    put(&at, members, 8), put(&at, z->list_bytes, 8), put(&at, offset, 8);
    put(&at, 0x07064b50, 4), put(&at, 0, 4), put(&at, end64, 8), put(&at, 1, 4);
  }
  put(&at, 0x06054b50, 4), put(&at, 0, 4), put(&at, wide ? 65535 : members, 2), put(&at, wide ? 65535 : members, 2);
  put(&at, wide ? ones : z->list_bytes, 4), put(&at, wide ? ones : offset, 4), put(&at, 0, 2);
  z->count = (size_t)(at - z->bytes);
}

// Two images and their classes, called as asked; NULL: no such array.
static void make_npz(zip *z, const char *images, const char *labels, int method, bool wide) {
  uint8_t pixels[32], file[512];
  *z = (zip){.count = 0};
  for (size_t i = 0; i < sizeof pixels; i++) pixels[i] = (uint8_t)(i * 7);
  add_member(z, images, file, make_npy(file, "|u1", "False", "(2, 4, 4)", pixels, 32), method, wide);
  if (labels) add_member(z, labels, file, make_npy(file, "|u1", "False", "(2,)", "\1", 2), method, wide);
  add_member(z, "notes.txt", file, 10, 0, wide);
  end_zip(z, wide);
}

static void write_zip(const zip *z) {
  write_bytes(in("x.NPZ"), z->bytes, z->count);
}

static void arrays_of_an_archive_are_found_by_their_names(void **state) {
  (void)state;
  static const struct {
    const char *images, *labels, *asked, *taken;
  } names[] = {{"x.npy", "y.npy", NULL, "x, labels y"},
               {"images.npy", "labels.npy", NULL, "images, labels labels"},
               {"arr_0.npy", "arr_1.npy", NULL, "arr_0, labels arr_1"},
               {"x_train.npy", "y_train.npy", NULL, "x_train, labels y_train"},
               {"anything.npy", NULL, NULL, "anything"},
               {"b.npy", "a.npy", "b,a", "b, labels a"},
               {"x.npy", "y.npy", "x", "x"}};
  for (size_t i = 0; i < 4 * sizeof names / sizeof names[0]; i++) {
    const size_t n = i / 4;
    zip z;
    dataset set;
    make_npz(&z, names[n].images, names[n].labels, i & 1 ? 8 : 0, i & 2);
    write_zip(&z);
    read_set(&set, (dataset_desc){.path = in("x.NPZ"), .arrays = names[n].asked});
    assert_string_equal(set.arrays, names[n].taken);
    assert_int_equal(set.count, 2);
    assert_int_equal(set.size.channels, 1);
    assert_int_equal(set.pixels[17], 17 * 7);
    assert_int_equal(set.class_count, strstr(names[n].taken, "labels ") ? 2 : 0);
    if (set.class_count) assert_int_equal(set.labels[0], 1);
    dataset_finish(&set);
  }
  zip z;
  make_npz(&z, "b.npy", "a.npy", 0, false);
  write_zip(&z);
  refused((dataset_desc){.path = in("x.NPZ")}, MOTE_ERROR_FORMAT, "holds the arrays b, a", "--arrays");
  refused((dataset_desc){.path = in("x.NPZ"), .arrays = "b,c"}, MOTE_ERROR_USAGE, "--arrays: found \"c\"", "holds b, a");
}

static void archives_cut_anywhere_are_refused(void **state) {
  (void)state;
  for (int variant = 0; variant < 4; variant++) {
    zip z;
    make_npz(&z, "x.npy", "y.npy", variant & 1 ? 8 : 0, variant & 2);
    for (size_t whole = z.count; z.count > 4;) {
      z.count -= whole > 1000 ? 5 : 3;
      if (z.count > whole) break;
      write_zip(&z);
      refused((dataset_desc){.path = in("x.NPZ")}, MOTE_ERROR_FORMAT, "x.NPZ: ", "");
    }
  }
}

// Where the first entry of the list, and the record at the end, lie in an archive of make_npz.
static uint8_t *find_mark(zip *z, const char *mark) {
  for (size_t i = 0; i + 4 <= z->count; i++)
    if (!memcmp(z->bytes + i, mark, 4)) return z->bytes + i;
  fail_msg("no such mark");
  return NULL;
}

static void hostile_archives_are_refused(void **state) {
  (void)state;
  static const struct {
    const char *mark;
    int offset, bytes;
    uint64_t value;
    const char *reason;
  } changes[] = {{"PK\1\2", 8, 2, 1, "is encrypted"},
                 {"PK\1\2", 10, 2, 12, "method 12"},
                 {"PK\1\2", 16, 4, 12345, "another checksum"},
                 {"PK\1\2", 20, 4, 100000, "not where it should be"},
                 {"PK\1\2", 24, 4, 4000000000u, "another size"},
                 {"PK\1\2", 24, 4, 100000, "does not inflate"},
                 {"PK\1\2", 24, 4, 20, "cuts its header short"},
                 {"PK\1\2", 28, 2, 60000, "cut off"},
                 {"PK\1\2", 42, 4, 4000000000u, "not where it should be"},
                 {"PK\1\2", 42, 4, UINT32_MAX, "zip64"},
                 {"PK\1\2", 42, 4, 1, "not where it should be"},
                 {"PK\3\4", 26, 2, 65535, "cut off"},
                 {"PK\5\6", 10, 2, 2000, "2000 files, expected at most 1024"},
                 {"PK\5\6", 10, 2, 4, "cut off"},
                 {"PK\5\6", 12, 4, 4000000000u, "not where it should be"},
                 {"PK\5\6", 16, 4, 4000000000u, "not where it should be"}};
  for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
    zip z;
    make_npz(&z, "x.npy", NULL, 8, false);
    uint8_t *at = find_mark(&z, changes[i].mark) + changes[i].offset;
    put(&at, changes[i].value, changes[i].bytes);
    write_zip(&z);
    refused((dataset_desc){.path = in("x.NPZ")}, MOTE_ERROR_FORMAT, "x.NPZ: ", changes[i].reason);
  }
  zip z;
  make_npz(&z, "x.npy", "y.npy", 0, false);
  uint8_t *second = find_mark(&z, "PK\1\2") + 46 + 5 + 42;
  put(&second, 0, 4);
  write_zip(&z);
  refused((dataset_desc){.path = in("x.NPZ")}, MOTE_ERROR_FORMAT, "x.NPZ: ", "share bytes");
  z = (zip){.count = 0};
  add_member(&z, "weights/data.bin", (const uint8_t *)"abc", 3, 0, false);
  end_zip(&z, false);
  write_zip(&z);
  refused((dataset_desc){.path = in("x.NPZ")}, MOTE_ERROR_FORMAT, "is a zip archive", "unpack");
}

// A header that promises more than a data set may hold is refused before its elements are inflated.
static void archives_that_inflate_to_gigabytes_are_refused(void **state) {
  (void)state;
  uint8_t file[512];
  zip z = {.count = 0};
  add_member(&z, "x.npy", file, make_npy(file, "|u1", "False", "(1000000, 64, 64)", file, 0), 0, false);
  end_zip(&z, false);
  uint8_t *at = find_mark(&z, "PK\1\2") + 24;
  put(&at, 10 + file[8] + 4096000000u, 4);
  write_zip(&z);
  refused((dataset_desc){.path = in("x.NPZ")}, MOTE_ERROR_FORMAT, "x.NPZ: ", "another size");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      IN_FOLDER(npy_pairs_are_read_with_integer_and_one_hot_labels),
      IN_FOLDER(numpy_labels_are_read_in_every_form),
      IN_FOLDER(npy_images_keep_their_channels),
      IN_FOLDER(channels_may_come_first_or_not_at_all),
      IN_FOLDER(numbers_of_every_type_become_bytes_by_their_range),
      IN_FOLDER(numbers_that_do_not_tell_their_range_or_leave_it_are_refused),
      IN_FOLDER(arrays_that_could_be_read_in_two_ways_are_squares),
      IN_FOLDER(faulty_npy_files_are_refused),
      IN_FOLDER(faulty_labels_are_refused),
      IN_FOLDER(arrays_of_an_archive_are_found_by_their_names),
      IN_FOLDER(archives_cut_anywhere_are_refused),
      IN_FOLDER(hostile_archives_are_refused),
      IN_FOLDER(archives_that_inflate_to_gigabytes_are_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
