// test_image_formats.c: PNG of every kind, JPEG and WebP are read as they are; damaged, hostile and other files are
// refused.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#ifdef MOTE_JPEG
#include <jpeglib.h>
#endif
#ifdef MOTE_WEBP
#include <webp/encode.h>
#endif

#include <cmocka.h>  // behind the headers that it leans on

#include "tools/images/image_read.h"

// ---------------------------------------------------------------------------------------------------------------------
// PNG files, chunk by chunk

typedef struct bytes {
  uint8_t data[1 << 17];
  size_t count;
} bytes;

static void add(bytes *b, const void *data, size_t count) {
  assert_true(b->count + count <= sizeof b->data);
  if (count) memcpy(b->data + b->count, data, count);
  b->count += count;
}

static void add_be32(bytes *b, uint32_t value) {
  add(b, (uint8_t[]){(uint8_t)(value >> 24), (uint8_t)(value >> 16), (uint8_t)(value >> 8), (uint8_t)value}, 4);
}

static void add_chunk(bytes *b, const char *type, const void *data, size_t count) {
  add_be32(b, (uint32_t)count);
  size_t start = b->count;
  add(b, type, 4);
  add(b, data, count);
  add_be32(b, (uint32_t)crc32(0, b->data + start, (uInt)(count + 4)));
}

static void begin_png(bytes *b, uint32_t width, uint32_t height, int depth, int colour, int interlaced) {
  b->count = 0;
  add(b, "\x89PNG\r\n\x1a\n", 8);
  const uint8_t header[13] = {(uint8_t)(width >> 24),
                              (uint8_t)(width >> 16),
                              (uint8_t)(width >> 8),
                              (uint8_t)width,
                              (uint8_t)(height >> 24),
                              (uint8_t)(height >> 16),
                              (uint8_t)(height >> 8),
                              (uint8_t)height,
                              (uint8_t)depth,
                              (uint8_t)colour,
                              0,
                              0,
                              (uint8_t)interlaced};
  add_chunk(b, "IHDR", header, sizeof header);
}

static size_t deflated(const void *raw, size_t count, uint8_t *out, size_t room) {
  uLongf size = room;
  assert_int_equal(compress2(out, &size, raw, count, 9), Z_OK);
  return size;
}

static void add_data(bytes *b, const void *raw, size_t count) {
  static uint8_t packed[1 << 17];
  add_chunk(b, "IDAT", packed, deflated(raw, count, packed, sizeof packed));
}

static void end_png(bytes *b) {
  add_chunk(b, "IEND", NULL, 0);
}

// A copy, since decoding may change the bytes; what lies beyond their end is a sanitizer's to watch.
static mote_status decode(const bytes *b, image *picture, int *channels, mote_error *error) {
  uint8_t *copy = malloc(b->count + !b->count);
  if (b->count) memcpy(copy, b->data, b->count);
  mote_status status = image_decode("a.png", copy, b->count, picture, channels, error);
  free(copy);
  return status;
}

static void must_decode(const bytes *b, image *picture, int *channels) {
  mote_error error;
  if (decode(b, picture, channels, &error)) fail_msg("%s", error.message);
}

static void refused(const bytes *b, const char *reason) {
  image picture;
  int channels;
  mote_error error = {0};
  assert_int_equal(decode(b, &picture, &channels, &error), MOTE_ERROR_FORMAT);
  if (!strstr(error.message, reason)) fail_msg("\"%s\" is not in \"%s\"", reason, error.message);
  assert_ptr_equal(strstr(error.message, "a.png: "), error.message);
  assert_null(strstr(error.message, "(null)"));
  assert_null(picture.pixels);
}

// 8 × 8 pixels of one grey sample of 8 bits.
static void small_png(bytes *b) {
  uint8_t raw[8 * 9];
  for (size_t i = 0; i < sizeof raw; i++) raw[i] = i % 9 ? (uint8_t)(i * 3) : 0;
  begin_png(b, 8, 8, 8, 0, 0);
  add_data(b, raw, sizeof raw);
  end_png(b);
}

// ---------------------------------------------------------------------------------------------------------------------
// Every kind of PNG

enum { WIDTH = 11, HEIGHT = 9 };

// Sample c of a pixel: any number of `depth` bits.
static unsigned sample_at(int x, int y, int c, int depth) {
  return (unsigned)(x * 7919 + y * 104729 + c * 1299709 + x * y * 31) & ((1u << depth) - 1);
}

// The lines of one pass, no filter.
static size_t pack_pass(uint8_t *raw, int depth, int samples, const int *pass) {
  size_t used = 0;
  if (pass[0] >= WIDTH || pass[1] >= HEIGHT) return 0;
  for (int y = pass[1]; y < HEIGHT; y += pass[3]) {
    unsigned bits = 0, held = 0;
    raw[used++] = 0;
    for (int x = pass[0]; x < WIDTH; x += pass[2])
      for (int c = 0; c < samples; c++) {
        held = held << depth | sample_at(x, y, c, depth);
        for (bits += (unsigned)depth; bits >= 8; bits -= 8) raw[used++] = (uint8_t)(held >> (bits - 8));
      }
    if (bits) raw[used++] = (uint8_t)(held << (8 - bits));
  }
  return used;
}

static size_t pack(uint8_t *raw, int depth, int samples, int interlaced) {
  static const int adam7[7][4] = {{0, 0, 8, 8}, {4, 0, 8, 8}, {0, 4, 4, 8}, {2, 0, 4, 4},
                                  {0, 2, 2, 4}, {1, 0, 2, 2}, {0, 1, 1, 2}};
  if (!interlaced) return pack_pass(raw, depth, samples, (int[]){0, 0, 1, 1});
  size_t used = 0;
  for (int i = 0; i < 7; i++) used += pack_pass(raw + used, depth, samples, adam7[i]);
  return used;
}

static uint8_t to_8_bits(unsigned sample, int depth) {
  return (uint8_t)(depth == 16 ? sample >> 8 : sample * 255 / ((1u << depth) - 1));
}

static void check_pixels(const image *picture, int colour, int depth, const uint8_t *palette, bool keyed) {
  for (int y = 0; y < HEIGHT; y++)
    for (int x = 0; x < WIDTH; x++) {
      const uint8_t *found = picture->pixels + (y * WIDTH + x) * 4;
      uint8_t expected[4] = {0, 0, 0, 255};
      const int samples = colour & 2 && colour != 3 ? 3 : 1;
      for (int c = 0; c < 3; c++) expected[c] = to_8_bits(sample_at(x, y, samples == 3 ? c : 0, depth), depth);
      if (colour == 3) memcpy(expected, palette + 3 * sample_at(x, y, 0, depth), 3);
      if (colour & 4) expected[3] = to_8_bits(sample_at(x, y, samples, depth), depth);
      if (keyed && colour == 3 && sample_at(x, y, 0, depth) < 2) expected[3] = sample_at(x, y, 0, depth) ? 77 : 0;
      if (keyed && colour != 3) {  // the key is the colour of pixel (3, 2)
        bool same = true;
        for (int c = 0; c < samples; c++) same &= sample_at(x, y, c, depth) == sample_at(3, 2, c, depth);
        if (same) expected[3] = 0;
      }
      assert_memory_equal(found, expected, 4);
    }
}

static void add_key(bytes *b, int colour, int depth) {
  uint8_t key[6] = {0, 77};
  const size_t samples = colour == 2 ? 3 : 1;
  for (size_t c = 0; colour != 3 && c < samples; c++) {
    const unsigned sample = sample_at(3, 2, (int)c, depth);
    key[2 * c] = (uint8_t)(sample >> 8), key[2 * c + 1] = (uint8_t)sample;
  }
  add_chunk(b, "tRNS", key, 2 * samples);
}

static void every_kind_of_png_is_read_to_the_pixel(void **state) {
  (void)state;
  static const struct {
    int colour, depth, samples, channels;
  } kinds[] = {{0, 1, 1, 1}, {0, 2, 1, 1},  {0, 4, 1, 1},  {0, 8, 1, 1}, {0, 16, 1, 1},
               {2, 8, 3, 3}, {2, 16, 3, 3}, {3, 1, 1, 3},  {3, 2, 1, 3}, {3, 4, 1, 3},
               {3, 8, 1, 3}, {4, 8, 2, 2},  {4, 16, 2, 2}, {6, 8, 4, 4}, {6, 16, 4, 4}};
  static bytes b;
  uint8_t palette[768], raw[16384];
  for (size_t i = 0; i < sizeof palette; i++) palette[i] = (uint8_t)(i * 37 + i / 256);
  for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
    for (int variant = 0; variant < 4; variant++) {
      const int colour = kinds[i].colour, depth = kinds[i].depth, interlaced = variant & 1;
      const bool keyed = variant & 2 && colour < 4;
      begin_png(&b, WIDTH, HEIGHT, depth, colour, interlaced);
      if (colour == 3) add_chunk(&b, "PLTE", palette, 3u << depth);
      if (keyed) add_key(&b, colour, depth);
      add_chunk(&b, "tEXt", "Comment\0 of no consequence", 26);
      add_data(&b, raw, pack(raw, depth, kinds[i].samples, interlaced));
      end_png(&b);
      image picture;
      int channels = 0;
      must_decode(&b, &picture, &channels);
      assert_true(picture.width == WIDTH && picture.height == HEIGHT && picture.channels == 4);
      assert_int_equal(channels, kinds[i].channels + keyed);
      check_pixels(&picture, colour, depth, palette, keyed);
      image_finish(&picture);
    }
}

static void image_data_may_come_in_pieces_and_bytes_may_follow_the_end(void **state) {
  (void)state;
  static bytes b;
  uint8_t raw[8 * 9] = {0}, packed[256];
  size_t count = deflated(raw, sizeof raw, packed, sizeof packed);
  begin_png(&b, 8, 8, 8, 0, 0);
  add_chunk(&b, "IDAT", NULL, 0);
  for (size_t i = 0; i < count; i++) add_chunk(&b, "IDAT", packed + i, 1);
  add_chunk(&b, "IDAT", "\1\2\3", 3);  // after the stream's own end
  end_png(&b);
  add(&b, "and so on", 9);
  image picture;
  int channels = 0;
  must_decode(&b, &picture, &channels);
  image_finish(&picture);
}

// ---------------------------------------------------------------------------------------------------------------------
// Damaged and hostile PNG

static void every_bit_of_a_png_counts(void **state) {
  (void)state;
  static bytes whole, b;
  small_png(&whole);
  for (size_t i = 8; i < whole.count; i++)
    for (int bit = 0; bit < 8; bit += 3) {
      b = whole;
      b.data[i] ^= (uint8_t)(1 << bit);
      refused(&b, "");
    }
  for (size_t kept = 8; kept < whole.count; kept++) {
    b = whole;
    b.count = kept;
    refused(&b, "PNG image");
  }
}

// The checksum of the image data is one that chunks know nothing of.
static void image_data_with_another_checksum_are_refused(void **state) {
  (void)state;
  static bytes b;
  uint8_t raw[8 * 9] = {0}, packed[256];
  for (int cut = 0; cut < 6; cut++) {
    size_t count = deflated(raw, sizeof raw, packed, sizeof packed);
    if (cut == 5) packed[count - 1] ^= 1;
    begin_png(&b, 8, 8, 8, 0, 0);
    add_chunk(&b, "IDAT", packed, count - (size_t)(cut % 5));
    end_png(&b);
    if (cut) refused(&b, cut == 5 ? "PNG image" : "no end");
  }
}

static void palette_indices_beyond_the_palette_are_refused(void **state) {
  (void)state;
  static bytes b;
  uint8_t raw[16384], palette[768] = {0};
  for (int depth = 1; depth <= 8; depth *= 2)
    for (int interlaced = 0; interlaced < 2; interlaced++) {
      begin_png(&b, WIDTH, HEIGHT, depth, 3, interlaced);
      add_chunk(&b, "PLTE", palette, (3u << depth) / 2);
      add_data(&b, raw, pack(raw, depth, 1, interlaced));
      end_png(&b);
      refused(&b, "beyond the palette");
    }
}

static void chunks_out_of_order_are_refused(void **state) {
  (void)state;
  static bytes b;
  uint8_t raw[8 * 9] = {0}, packed[256];
  size_t count = deflated(raw, sizeof raw, packed, sizeof packed);
  begin_png(&b, 8, 8, 8, 0, 0);
  add_chunk(&b, "IDAT", packed, 5);
  add_chunk(&b, "tEXt", "a\0b", 3);
  add_chunk(&b, "IDAT", packed + 5, count - 5);
  end_png(&b);
  refused(&b, "interrupted");
  begin_png(&b, 8, 8, 8, 3, 0);
  add_data(&b, raw, sizeof raw);
  add_chunk(&b, "PLTE", "abc", 3);
  end_png(&b);
  refused(&b, "PNG image");
  begin_png(&b, 8, 8, 8, 0, 0);
  end_png(&b);
  refused(&b, "no image data");
  b.count = 8;
  add_data(&b, raw, sizeof raw);
  end_png(&b);
  refused(&b, "PNG image");
}

// Image data or texts that inflate to much more than the header promises, and headers that promise too much.
static void bombs_are_refused_before_they_take_memory(void **state) {
  (void)state;
  static bytes b;
  static uint8_t zeros[1 << 24], packed[1 << 17];
  size_t count = deflated(zeros, sizeof zeros, packed, sizeof packed);
  begin_png(&b, 8, 8, 8, 0, 0);
  add_chunk(&b, "IDAT", packed, count);
  end_png(&b);
  refused(&b, "go on after the last pixel");
  begin_png(&b, 8000, 8000, 8, 6, 1);
  add_data(&b, zeros, 100);
  end_png(&b);
  refused(&b, "too short for its pixels");
  begin_png(&b, 16385, 1, 8, 0, 0);
  add_data(&b, zeros, 16386);
  end_png(&b);
  refused(&b, "16385 x 1");

  uint8_t text[sizeof packed / 2 + 8] = "k\0\0";  // an inflated text is none of the pixels' business
  assert_true(count < sizeof text - 3);
  memcpy(text + 3, packed, count);
  begin_png(&b, 8, 8, 8, 0, 0);
  add_chunk(&b, "zTXt", text, count + 3);
  add_data(&b, zeros, 8 * 9);
  end_png(&b);
  image picture;
  int channels;
  must_decode(&b, &picture, &channels);
  image_finish(&picture);
}

// ---------------------------------------------------------------------------------------------------------------------
// Other formats

static void what_is_not_read_is_called_by_its_name(void **state) {
  (void)state;
  static const struct {
    const char *begins, *named;
    size_t count;
  } kinds[] = {{"", "is empty", 0},
               {"GIF89a..", "is a GIF image, which is not read; save", 8},
               {"BM......", "is a BMP image", 8},
               {"\0\0\0\x20"
                "ftypavif",
                "is an AVIF image", 12},
               {"GGUF....", "is a GGUF model", 8},
               {"PK\3\4....archive/data.pkl", "is a PyTorch checkpoint", 24},
               {"PK\3\4....x.npy", "is a NumPy archive (.npz)", 13},
               {"PK\3\4........", "is a zip archive", 12},
               {"\0\0\x08\3....", "is an IDX file", 8},
               {"\x50\1\0\0\0\0\0\0{\"__", "is a safetensors file", 12},
               {"\x93NUMPY", "is a NumPy array", 6},
               {"\x1f\x8b\x08\0", "is a gzip archive, which is not read; unpack", 4},
               {"nothing known", "is text, which is not read", 13},
               {"\1\2\3\4\5\6\7\x08\x0b", "does not begin as an image", 9}};
  static bytes b;
  for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
    b.count = 0;
    add(&b, kinds[i].begins, kinds[i].count);
    refused(&b, kinds[i].named);
  }
}

// EXIF data that hold an orientation, after another entry, in either byte order.
static size_t make_exif(uint8_t *out, int orientation, bool big_endian) {
  const uint8_t big[] = {'M', 'M', 0, '*', 0, 0, 0, 8, 0, 2, 1, 0, 0, 3, 0, 0, 0, 1, 0, 9, 0, 0,
                         1, 0x12, 0, 3, 0, 0, 0, 1, 0, (uint8_t)orientation, 0, 0, 0, 0, 0, 0};
  const uint8_t little[] = {'I', 'I', '*', 0, 8, 0, 0, 0, 2, 0, 0, 1, 3, 0, 1, 0, 0, 0, 9, 0, 0, 0,
                            0x12, 1, 3, 0, 1, 0, 0, 0, (uint8_t)orientation, 0, 0, 0, 0, 0, 0, 0};
  memcpy(out, big_endian ? big : little, sizeof big);
  return sizeof big;
}

// What lies in the upper row of 2 × 3 pixels 1 2, 3 4, 5 6 that were stored in each orientation, as Pillow's exif_transpose has it.
static void exif_data_tell_which_way_is_up(void **state) {
  (void)state;
  static const uint8_t upper[9][3] = {{0}, {1, 2}, {2, 1}, {6, 5}, {5, 6}, {1, 3, 5}, {5, 3, 1}, {6, 4, 2}, {2, 4, 6}};
  static bytes b;
  uint8_t exif[64];
  for (int orientation = 0; orientation <= 9; orientation++)
    for (int big_endian = 0; big_endian < 2; big_endian++)
      for (int cut = 0; cut < 2; cut++) {
        const bool upright = cut || orientation < 1 || orientation > 8, turns = !upright && orientation >= 5;
        begin_png(&b, 2, 3, 8, 0, 0);
        add_chunk(&b, "eXIf", exif, make_exif(exif, orientation, big_endian) - (cut ? 16 : 0));
        add_data(&b, "\0\1\2\0\3\4\0\5\6", 9);
        end_png(&b);
        image picture;
        int channels;
        must_decode(&b, &picture, &channels);
        assert_int_equal(picture.width, turns ? 3 : 2);
        assert_int_equal(picture.height, turns ? 2 : 3);
        for (int x = 0; x < picture.width; x++) assert_int_equal(picture.pixels[4 * x], upper[upright ? 1 : orientation][x]);
        image_finish(&picture);
      }
}

#ifdef MOTE_JPEG
static void make_jpeg(bytes *b, int channels, J_COLOR_SPACE space, bool progressive, uint8_t value) {
  struct jpeg_compress_struct jpeg;
  struct jpeg_error_mgr errors;
  unsigned char *data = NULL;
  unsigned long count = 0;
  uint8_t line[16 * 4];
  JSAMPROW row = line;
  memset(line, value, sizeof line);
  jpeg.err = jpeg_std_error(&errors);
  jpeg_create_compress(&jpeg);
  jpeg_mem_dest(&jpeg, &data, &count);
  jpeg.image_width = 16, jpeg.image_height = 12;
  jpeg.input_components = channels, jpeg.in_color_space = space;
  jpeg_set_defaults(&jpeg);
  if (progressive) jpeg_simple_progression(&jpeg);
  jpeg_start_compress(&jpeg, TRUE);
  while (jpeg.next_scanline < jpeg.image_height) jpeg_write_scanlines(&jpeg, &row, 1);
  jpeg_finish_compress(&jpeg);
  jpeg_destroy_compress(&jpeg);
  b->count = 0;
  add(b, data, count);
  free(data);
}

static void jpegs_are_read_whole_or_refused(void **state) {
  (void)state;
  static bytes b, cut;
  image picture;
  int channels = 0;
  for (int variant = 0; variant < 4; variant++) {
    const int grey = variant & 1;
    make_jpeg(&b, grey ? 1 : 3, grey ? JCS_GRAYSCALE : JCS_RGB, variant & 2, 200);
    must_decode(&b, &picture, &channels);
    assert_int_equal(channels, grey ? 1 : 3);
    assert_true(picture.width == 16 && picture.height == 12);
    for (int i = 0; i < 16 * 12; i++) {
      assert_in_range(picture.pixels[4 * i], 199, 201);
      assert_in_range(picture.pixels[4 * i + 2], 199, 201);
      assert_int_equal(picture.pixels[4 * i + 3], 255);
    }
    image_finish(&picture);
    for (size_t kept = 3; kept + 2 < b.count; kept++) {
      cut = b;
      cut.count = kept;
      refused(&cut, "JPEG image");
    }
  }
  uint8_t exif[64];
  const size_t exif_bytes = make_exif(exif, 6, true);
  make_jpeg(&cut, 3, JCS_RGB, false, 200);
  b.count = 0;
  add(&b, "\xff\xd8\xff\xe1\0", 5);
  add(&b, (uint8_t[]){(uint8_t)(exif_bytes + 8)}, 1);
  add(&b, "Exif\0\0", 6);
  add(&b, exif, exif_bytes);
  add(&b, cut.data + 2, cut.count - 2);
  image turned;
  int turned_channels;
  must_decode(&b, &turned, &turned_channels);
  assert_int_equal(turned.width, 12);
  image_finish(&turned);
  make_jpeg(&b, 4, JCS_CMYK, false, 1);
  refused(&b, "CMYK");
}
#endif

#ifdef MOTE_WEBP
static void webps_are_read_whole_or_refused(void **state) {
  (void)state;
  static bytes b, cut;
  uint8_t pixels[16 * 12 * 4], *data = NULL;
  for (size_t i = 0; i < sizeof pixels; i++) pixels[i] = i % 4 == 3 ? 255 : (uint8_t)(i * 5);
  for (int alpha = 0; alpha < 2; alpha++) {
    if (alpha) pixels[7] = 100;
    size_t count = WebPEncodeLosslessRGBA(pixels, 16, 12, 64, &data);
    b.count = 0;
    add(&b, data, count);
    WebPFree(data);
    image picture;
    int channels = 0;
    must_decode(&b, &picture, &channels);
    assert_int_equal(channels, alpha ? 4 : 3);
    assert_memory_equal(picture.pixels, pixels, sizeof pixels);
    image_finish(&picture);
    for (size_t kept = 16; kept + 1 < b.count; kept += 7) {
      cut = b;
      cut.count = kept;
      refused(&cut, "WebP image");
    }
    uint8_t exif[64];
    const size_t exif_bytes = make_exif(exif, 8, false);
    add(&b, "EXIF", 4);
    add(&b, (uint8_t[]){(uint8_t)exif_bytes, 0, 0, 0}, 4);
    add(&b, exif, exif_bytes);
    for (int i = 0; i < 4; i++) b.data[4 + i] = (uint8_t)((b.count - 8) >> 8 * i);
    must_decode(&b, &picture, &channels);
    assert_int_equal(picture.width, 12);
    assert_memory_equal(picture.pixels, pixels + 15 * 4, 4);
    image_finish(&picture);
  }
}
#endif

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_kind_of_png_is_read_to_the_pixel),
      cmocka_unit_test(image_data_may_come_in_pieces_and_bytes_may_follow_the_end),
      cmocka_unit_test(every_bit_of_a_png_counts),
      cmocka_unit_test(image_data_with_another_checksum_are_refused),
      cmocka_unit_test(palette_indices_beyond_the_palette_are_refused),
      cmocka_unit_test(chunks_out_of_order_are_refused),
      cmocka_unit_test(bombs_are_refused_before_they_take_memory),
      cmocka_unit_test(what_is_not_read_is_called_by_its_name),
      cmocka_unit_test(exif_data_tell_which_way_is_up),
#ifdef MOTE_JPEG
      cmocka_unit_test(jpegs_are_read_whole_or_refused),
#endif
#ifdef MOTE_WEBP
      cmocka_unit_test(webps_are_read_whole_or_refused),
#endif
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
