// test_images.c: palettes, grids, PNG and GIF as other programs read them back, and the words of --context.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
// cmocka.h wants the four above before it.
#include <cmocka.h>
#include <gif_lib.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tools/images/gif.h"
#include "tools/images/image.h"
#include "tools/images/image_read.h"
#include "tools/images/palette.h"
#include "tools/options.h"
#include "tools/sample/context.h"

// A small generator, so that the pictures are the same everywhere.
static uint8_t next_byte(uint32_t *state) {
  *state = *state * 1664525u + 1013904223u;
  return (uint8_t)(*state >> 24);
}

static void fill_noise(uint8_t *pixels, size_t bytes, uint32_t seed) {
  for (size_t i = 0; i < bytes; i++) pixels[i] = next_byte(&seed);
}

// ---------------------------------------------------------------------------------------------------------------------
// Palettes

static palette build(const uint8_t *pixels, size_t count, int channels, int colours) {
  palette built;
  mote_error error;
  palette_source source = {.pixels = pixels, .count = count, .weight = 1};
  assert_int_equal(palette_build(&source, 1, channels, colours, &built, &error), MOTE_OK);
  assert_in_range(built.count, 1, colours);
  return built;
}

static void few_colours_stay_as_they_are(void **state) {
  (void)state;
  for (int channels = 1; channels <= 4; channels++) {
    for (int distinct = 1; distinct <= 16; distinct++) {
      uint8_t pixels[64 * 4], snapped[64 * 4];
      for (int i = 0; i < 64 * channels; i++) pixels[i] = (uint8_t)(i / channels % distinct * 13 + i % channels * 7);
      memcpy(snapped, pixels, sizeof snapped);
      palette built = build(pixels, 64, channels, 16);
      assert_int_equal(built.count, distinct);
      palette_snap(&built, snapped, 64);
      assert_memory_equal(snapped, pixels, (size_t)(64 * channels));
    }
  }
}

static double squared_error(const uint8_t *a, const uint8_t *b, size_t bytes) {
  double sum = 0;
  for (size_t i = 0; i < bytes; i++) sum += ((double)a[i] - b[i]) * ((double)a[i] - b[i]);
  return sum;
}

static void more_colours_come_nearer(void **state) {
  (void)state;
  enum { COUNT = 4096 };
  static uint8_t pixels[COUNT * 3], snapped[COUNT * 3];
  fill_noise(pixels, sizeof pixels, 1);
  double before = 1e30;
  for (int colours = 2; colours <= 256; colours *= 2) {
    palette built = build(pixels, COUNT, 3, colours);
    assert_int_equal(built.count, colours);
    memcpy(snapped, pixels, sizeof pixels);
    palette_snap(&built, snapped, COUNT);
    double error = squared_error(pixels, snapped, sizeof pixels);
    assert_true(error < before);
    before = error;
  }
  // A grid of 6 x 6 x 6 colours, which needs no choice at all, has 51²/12 squared error a channel on such noise.
  assert_true(before / (COUNT * 3) < 51.0 * 51.0 / 12);
}

static void a_snapped_picture_holds_palette_colours_only(void **state) {
  (void)state;
  uint8_t pixels[500 * 3];
  fill_noise(pixels, sizeof pixels, 2);
  palette built = build(pixels, 500, 3, 7);
  palette_snap(&built, pixels, 500);
  for (int i = 0; i < 500; i++) {
    const uint8_t *nearest = built.colours[palette_nearest(&built, pixels + 3 * i)];
    assert_memory_equal(pixels + 3 * i, nearest, 3);
  }
}

static void nearest_is_nearest(void **state) {
  (void)state;
  palette three = {.channels = 3, .count = 3, .colours = {{0, 0, 0}, {100, 100, 100}, {255, 0, 0}}};
  assert_int_equal(palette_nearest(&three, (uint8_t[]){49, 49, 49}), 0);
  assert_int_equal(palette_nearest(&three, (uint8_t[]){50, 50, 50}), 0);  // as near to both: the first
  assert_int_equal(palette_nearest(&three, (uint8_t[]){51, 51, 51}), 1);
  assert_int_equal(palette_nearest(&three, (uint8_t[]){255, 20, 20}), 2);
}

static void weights_move_a_palette(void **state) {
  (void)state;
  // Two dark and two bright colours in two boxes: the heavy one of a pair draws the mean.
  uint8_t rare[] = {0, 200}, often[] = {10, 210};
  palette_source sources[] = {{.pixels = rare, .count = 2, .weight = 1}, {.pixels = often, .count = 2, .weight = 9}};
  palette built;
  mote_error error;
  assert_int_equal(palette_build(sources, 2, 1, 2, &built, &error), MOTE_OK);
  assert_int_equal(built.count, 2);
  int low = built.colours[0][0] < built.colours[1][0] ? 0 : 1;
  assert_int_equal(built.colours[low][0], 9);
  assert_int_equal(built.colours[1 - low][0], 209);
}

static void means_are_rounded(void **state) {
  (void)state;
  const uint8_t pixels[] = {0, 1, 1, 200};
  palette built = build(pixels, 4, 1, 2);
  assert_int_equal(built.colours[palette_nearest(&built, pixels)][0], 1);
}

static void the_same_pixels_give_the_same_palette(void **state) {
  (void)state;
  uint8_t pixels[1000 * 3], backwards[1000 * 3];
  fill_noise(pixels, sizeof pixels, 3);
  for (int i = 0; i < 1000; i++) memcpy(backwards + 3 * i, pixels + 3 * (999 - i), 3);
  palette one = build(pixels, 1000, 3, 32), other = build(backwards, 1000, 3, 32);
  assert_int_equal(one.count, other.count);
  assert_memory_equal(one.colours, other.colours, sizeof one.colours);
}

// ---------------------------------------------------------------------------------------------------------------------
// Grids and PNG

static void a_grid_is_as_square_as_it_can_be(void **state) {
  (void)state;
  static const int cases[][3] = {{1, 1, 1}, {2, 2, 1},  {3, 2, 2},  {4, 2, 2},
                                 {5, 3, 2}, {16, 4, 4}, {17, 5, 4}, {64, 8, 8}};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    assert_int_equal(grid_columns(cases[i][0]), cases[i][1]);
    assert_int_equal(image_grid_measure(&(image_grid_desc){.count = cases[i][0], .tile = {3, 3, 1}}).height,
                     cases[i][2] * 3);
  }
}

static void check_grid(int count, int width, int height, int channels, int scale, int asked) {
  const size_t tile = (size_t)(width * height * channels);
  const int times = scale ? scale : 1;
  uint8_t *pixels = malloc((size_t)count * tile);
  fill_noise(pixels, (size_t)count * tile, 5);
  image_grid_desc desc = {
      .pixels = pixels, .count = count, .tile = {width, height, channels}, .scale = scale, .columns = asked};
  image grid;
  mote_error error;
  assert_int_equal(image_grid_init(&grid, &desc, &error), MOTE_OK);
  int columns = !asked ? grid_columns(count) : asked < count ? asked : count;
  assert_int_equal(grid.width, columns * width * times);
  assert_int_equal(grid.height, (count + columns - 1) / columns * height * times);
  for (int y = 0; y < grid.height; y++)
    for (int x = 0; x < grid.width; x++)
      for (int c = 0; c < channels; c++) {
        int index = y / times / height * columns + x / times / width;
        int inner = y / times % height * width + x / times % width;
        int expected = index < count  ? pixels[(size_t)index * tile + (size_t)(inner * channels + c)]
                       : channels % 2 ? 255
                                      : 0;
        assert_int_equal(grid.pixels[(y * grid.width + x) * channels + c], expected);
      }
  image_finish(&grid);
  free(pixels);
}

static void tiles_lie_in_rows_and_spare_cells_are_empty(void **state) {
  (void)state;
  for (int channels = 1; channels <= 4; channels++) {
    check_grid(1, 4, 4, channels, 0, 0);
    check_grid(5, 3, 4, channels, 1, 0);
    check_grid(3, 8, 5, channels, 3, 0);
    check_grid(16, 4, 4, channels, 2, 0);
    check_grid(7, 4, 1, channels, 1, 3);
    check_grid(3, 2, 4, channels, 2, 5);
  }
}

static void a_grid_too_large_is_refused_by_name(void **state) {
  (void)state;
  mote_error error;
  image_grid_desc desc = {.count = 1000000, .tile = {64, 64, 4}, .scale = 8};
  assert_int_equal(image_grid_check(&desc, &error), MOTE_ERROR_USAGE);
  assert_non_null(strstr(error.message, "--scale"));
  desc = (image_grid_desc){.count = 1024, .tile = {16, 16, 3}, .scale = 4};
  assert_int_equal(image_grid_check(&desc, &error), MOTE_OK);
  desc = (image_grid_desc){.count = 100, .tile = {1024, 4, 3}, .columns = 100};
  assert_int_equal(image_grid_check(&desc, &error), MOTE_ERROR_USAGE);
  assert_non_null(strstr(error.message, "102400 x 4 pixels"));
}

static void png_comes_back_with_its_channels(void **state) {
  (void)state;
  for (int channels = 1; channels <= 4; channels++) {
    uint8_t pixels[12 * 20 * 4];
    fill_noise(pixels, sizeof pixels, 7);
    image picture = {.width = 20, .height = 12, .channels = channels, .pixels = pixels};
    uint8_t *png = NULL;
    size_t bytes = 0;
    mote_error error;
    assert_int_equal(image_encode_png(&picture, &png, &bytes, &error), MOTE_OK);
    int found;
    image decoded;
    assert_int_equal(image_decode("x", png, bytes, &decoded, &found, &error), MOTE_OK);
    assert_int_equal(decoded.width, 20);
    assert_int_equal(decoded.height, 12);
    assert_int_equal(found, channels);
    static const uint8_t black[3];
    if (channels != 2) pixels_convert(decoded.pixels, 12 * 20, channels, black, decoded.pixels);
    for (int i = 0; channels == 2 && i < 12 * 20; i++) memcpy(decoded.pixels + 2 * i, decoded.pixels + 4 * i + 2, 2);
    assert_memory_equal(decoded.pixels, pixels, (size_t)(12 * 20 * channels));
    image_finish(&decoded);
    free(png);
  }
}

static void png_goes_to_a_file_whole(void **state) {
  (void)state;
  char path[] = "/tmp/mote-test-images-XXXXXX";
  int descriptor = mkstemp(path);
  assert_true(descriptor >= 0);
  close(descriptor);
  uint8_t pixels[4 * 4 * 3];
  fill_noise(pixels, sizeof pixels, 8);
  image picture = {.width = 4, .height = 4, .channels = 3, .pixels = pixels};
  file_writer writer;
  mote_error error;
  assert_int_equal(file_writer_init(&writer, path, &error), MOTE_OK);
  assert_int_equal(image_write_png(&picture, &writer, &error), MOTE_OK);
  assert_int_equal(file_writer_commit(&writer, &error), MOTE_OK);
  int found;
  image decoded;
  assert_int_equal(image_read(path, &decoded, &found, &error), MOTE_OK);
  unlink(path);
  for (int i = 0; i < 16; i++) assert_memory_equal(decoded.pixels + 4 * i, pixels + 3 * i, 3);
  image_finish(&decoded);
}

static void a_full_disk_fails_before_the_commit(void **state) {
  (void)state;
  if (access("/dev/full", W_OK)) skip();
  uint8_t pixels[64 * 64 * 3];
  fill_noise(pixels, sizeof pixels, 9);
  image picture = {.width = 64, .height = 64, .channels = 3, .pixels = pixels};
  file_writer writer;
  mote_error error;
  assert_int_equal(file_writer_init(&writer, "/dev/full", &error), MOTE_OK);
  assert_int_equal(image_write_png(&picture, &writer, &error), MOTE_ERROR_FILE);
  assert_non_null(strstr(error.message, "/dev/full"));
  file_writer_abort(&writer);
}

// ---------------------------------------------------------------------------------------------------------------------
// GIF

typedef struct byte_reader {
  const uint8_t *data;
  size_t bytes, at;
} byte_reader;

static int read_bytes(GifFileType *file, GifByteType *out, int wanted) {
  byte_reader *reader = file->UserData;
  size_t left = reader->bytes - reader->at, count = (size_t)wanted < left ? (size_t)wanted : left;
  memcpy(out, reader->data + reader->at, count);
  reader->at += count;
  return (int)count;
}

static void check_frame(const GifFileType *file, const gif_desc *desc, int frame, int tolerance) {
  const SavedImage *saved = &file->SavedImages[frame];
  int width = desc->width * desc->scale, height = desc->height * desc->scale;
  assert_int_equal(saved->ImageDesc.Width, width);
  assert_int_equal(saved->ImageDesc.Height, height);
  for (int y = 0; y < height; y++)
    for (int x = 0; x < width; x++) {
      const GifColorType *colour = &file->SColorMap->Colors[saved->RasterBits[y * width + x]];
      const uint8_t *pixel = desc->frames[frame] + (y / desc->scale * desc->width + x / desc->scale) * desc->channels;
      assert_in_range(colour->Red - pixel[0] + tolerance, 0, 2 * tolerance);
      assert_in_range(colour->Green - pixel[1] + tolerance, 0, 2 * tolerance);
      assert_in_range(colour->Blue - pixel[2] + tolerance, 0, 2 * tolerance);
    }
  GraphicsControlBlock control;
  assert_int_equal(DGifSavedExtensionToGCB((GifFileType *)(uintptr_t)file, frame, &control), GIF_OK);
  assert_int_equal(control.DelayTime, frame + 1 < desc->frame_count ? desc->delay : desc->last_delay);
}

static bool loops_for_ever(const GifFileType *file) {
  const SavedImage *first = &file->SavedImages[0];
  for (int i = 0; i + 1 < first->ExtensionBlockCount; i++) {
    const ExtensionBlock *block = &first->ExtensionBlocks[i];
    if (block->Function == APPLICATION_EXT_FUNC_CODE && block->ByteCount == 11 &&
        !memcmp(block->Bytes, "NETSCAPE2.0", 11))
      return block[1].ByteCount == 3 && !memcmp(block[1].Bytes, "\1\0\0", 3);
  }
  return false;
}

static void gif_comes_back_frame_by_frame(void **state) {
  (void)state;
  enum { WIDTH = 9, HEIGHT = 5, FRAMES = 4 };
  uint8_t pictures[FRAMES][WIDTH * HEIGHT * 3];
  const uint8_t *frames[FRAMES];
  for (int f = 0; f < FRAMES; f++) {
    fill_noise(pictures[f], sizeof pictures[f], (uint32_t)f);
    // 180 colours in all: fewer than 256, so that every pixel must come back as it was.
    frames[f] = pictures[f];
  }
  gif_desc desc = {.frames = frames,
                   .frame_count = FRAMES,
                   .width = WIDTH,
                   .height = HEIGHT,
                   .channels = 3,
                   .scale = 2,
                   .delay = 5,
                   .last_delay = 150};
  uint8_t *gif = NULL;
  size_t bytes = 0;
  mote_error error;
  assert_int_equal(gif_encode(&desc, &gif, &bytes, &error), MOTE_OK);
  byte_reader reader = {.data = gif, .bytes = bytes};
  int code = 0;
  GifFileType *file = DGifOpen(&reader, read_bytes, &code);
  assert_non_null(file);
  assert_int_equal(DGifSlurp(file), GIF_OK);
  assert_int_equal(reader.at, bytes);
  assert_int_equal(file->ImageCount, FRAMES);
  assert_int_equal(file->SWidth, WIDTH * 2);
  assert_true(loops_for_ever(file));
  for (int f = 0; f < FRAMES; f++) check_frame(file, &desc, f, 0);
  DGifCloseFile(file, &code);
  free(gif);
}

static void the_last_frame_keeps_its_colours_amid_noise(void **state) {
  (void)state;
  enum { SIDE = 64, FRAMES = 10 };
  static uint8_t noise[FRAMES - 1][SIDE * SIDE * 3], sprite[SIDE * SIDE * 3];
  uint8_t colours[64][3];
  const uint8_t *frames[FRAMES];
  fill_noise(&colours[0][0], sizeof colours, 99);
  for (int f = 0; f + 1 < FRAMES; f++) {
    fill_noise(noise[f], sizeof noise[f], (uint32_t)f);
    frames[f] = noise[f];
  }
  for (int i = 0; i < SIDE * SIDE; i++) memcpy(sprite + 3 * i, colours[i / 16 % 64], 3);
  frames[FRAMES - 1] = sprite;
  gif_desc desc = {.frames = frames,
                   .frame_count = FRAMES,
                   .width = SIDE,
                   .height = SIDE,
                   .channels = 3,
                   .scale = 1,
                   .delay = 6,
                   .last_delay = 200};
  uint8_t *gif = NULL;
  size_t bytes = 0;
  mote_error error;
  assert_int_equal(gif_encode(&desc, &gif, &bytes, &error), MOTE_OK);
  byte_reader reader = {.data = gif, .bytes = bytes};
  int code = 0;
  GifFileType *file = DGifOpen(&reader, read_bytes, &code);
  assert_int_equal(DGifSlurp(file), GIF_OK);
  // The noise in the box of each colour shifts its mean; were the last frame not weighted, by more than 16.
  check_frame(file, &desc, FRAMES - 1, 14);
  DGifCloseFile(file, &code);
  free(gif);
}

static void gif_shows_grey_and_alpha_on_white(void **state) {
  (void)state;
  static const uint8_t pixels[4][4] = {{0}, {0, 0, 0, 0}, {10, 20, 30, 0}, {10, 20, 30, 255}};
  static const int channels[4] = {1, 2, 4, 4};
  static const uint8_t expected[4][3] = {{0, 0, 0}, {255, 255, 255}, {255, 255, 255}, {10, 20, 30}};
  for (int i = 0; i < 4; i++) {
    const uint8_t *frame = pixels[i];
    gif_desc desc = {.frames = &frame, .frame_count = 1, .width = 1, .height = 1, .channels = channels[i]};
    uint8_t *gif = NULL;
    size_t bytes = 0;
    mote_error error;
    assert_int_equal(gif_encode(&desc, &gif, &bytes, &error), MOTE_OK);
    byte_reader reader = {.data = gif, .bytes = bytes};
    int code = 0;
    GifFileType *file = DGifOpen(&reader, read_bytes, &code);
    assert_int_equal(DGifSlurp(file), GIF_OK);
    const GifColorType *colour = &file->SColorMap->Colors[file->SavedImages[0].RasterBits[0]];
    assert_int_equal(colour->Red, expected[i][0]);
    assert_int_equal(colour->Green, expected[i][1]);
    assert_int_equal(colour->Blue, expected[i][2]);
    DGifCloseFile(file, &code);
    free(gif);
  }
}

static void a_gif_too_wide_is_refused(void **state) {
  (void)state;
  mote_error error;
  gif_desc desc = {.frame_count = 1, .width = 2048, .height = 16, .channels = 3, .scale = 32};
  assert_int_equal(gif_check(&desc, &error), MOTE_ERROR_USAGE);
  assert_non_null(strstr(error.message, "65535"));
}

// ---------------------------------------------------------------------------------------------------------------------
// Contexts and numbers

static const mote_model_info model = {
    .n_cfeat = 5, .label_count = 5, .labels = {"hero", "non-hero", "food", "spell", "side-facing"}};

static void contexts_are_read(void **state) {
  (void)state;
  static const struct {
    const char *spec;
    float values[5];
  } cases[] = {
      {"hero", {1, 0, 0, 0, 0}},
      {"side-facing", {0, 0, 0, 0, 1}},
      {"none", {0, 0, 0, 0, 0}},
      {"hero=1,food=0.6", {1, 0, 0.6f, 0, 0}},
      {"spell=-2", {0, 0, 0, -2, 0}},
      {"0.2,0,1,0,0", {0.2f, 0, 1, 0, 0}},
      {"-1,.5,1e-3,+2,0", {-1, 0.5f, 1e-3f, 2, 0}},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    float values[5] = {9, 9, 9, 9, 9};
    mote_error error;
    assert_int_equal(context_parse("--context", cases[i].spec, &model, values, &error), MOTE_OK);
    assert_memory_equal(values, cases[i].values, sizeof values);
  }
}

static void wrong_contexts_list_the_labels(void **state) {
  (void)state;
  static const char *const specs[] = {"heroo",
                                      "Hero",
                                      "",
                                      "hero,food",
                                      "hero=",
                                      "hero=x",
                                      "=1",
                                      "hero=1,",
                                      "hero=1,hero=2",
                                      "hero=1,none=2",
                                      "1,2,3,4",
                                      "1,2,3,4,5,6",
                                      "1,2,3,4,nan",
                                      "1,2,3,4,5x",
                                      "1,2,3,4,",
                                      ",1,2,3,4",
                                      "1,2,3,4,inf",
                                      "hero=1e99",
                                      "1 ,2,3,4,5",
                                      " hero",
                                      "0x1,0,0,0,0",
                                      "1e99,0,0,0,0",
                                      "hero=1;food=2"};
  for (size_t i = 0; i < sizeof specs / sizeof specs[0]; i++) {
    float values[5];
    mote_error error = {0};
    assert_int_equal(context_parse("--context", specs[i], &model, values, &error), MOTE_ERROR_USAGE);
    assert_non_null(strstr(error.message, "--context"));
    assert_non_null(strstr(error.message, "side-facing"));
  }
}

static const mote_model_info several = {
    .n_cfeat = 7,
    .label_count = 7,
    .labels = {"orc", "elf", "size", "hair:red", "brown", "eyes:red", "blue"},
    .attribute_count = 4,
    .attributes = {{"kind", 2}, {"size", 1, true, 10, 30}, {"hair", 2}, {"eyes", 2}}};

static void labels_of_several_attributes_stand_together(void **state) {
  (void)state;
  static const struct {
    const char *spec;
    float values[7];
  } cases[] = {
      {"orc", {1}},
      {"orc, brown", {[0] = 1, [4] = 1}},
      {"brown,orc", {[0] = 1, [4] = 1}},
      {"orc, blue=0.5", {[0] = 1, [6] = 0.5f}},
      {"orc=0.25, elf=0.75, eyes:red ", {[0] = 0.25f, [1] = 0.75f, [5] = 1}},
      {"kind:orc,hair:red, eyes:red", {[0] = 1, [3] = 1, [5] = 1}},
      {"eyes:blue", {[6] = 1}},
      {"hair:red=2,size=10", {[2] = 0.5f, [3] = 2}},
      {"size=12.5", {[2] = 0.625f}},
      {"elf,size=30", {[1] = 1, [2] = 1.5f}},
      {"0,1,0.5,0,0,0,0", {[1] = 1, [2] = 0.5f}},
      {"none", {0}},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    float values[7] = {9, 9, 9, 9, 9, 9, 9};
    mote_error error;
    if (context_parse("--context", cases[i].spec, &several, values, &error)) fail_msg("%s", error.message);
    assert_memory_equal(values, cases[i].values, sizeof values);
  }
}

static void wrong_contexts_of_several_attributes_say_what_is_wrong(void **state) {
  (void)state;
  static const char *const cases[][2] = {
      {"red", "expected LABEL or LABEL=WEIGHT"},
      {"orc, red", "\"red\" is of several attributes: write hair:red"},
      {"orc, green", "\"green\" is no label"},
      {"orc, elf", "\"orc\" and \"elf\" exclude each other"},
      {"orc=0.5, elf", "\"orc\" and \"elf\" exclude each other"},
      {"orc, elf=0.5", "\"orc\" and \"elf\" exclude each other"},
      {"orc, orc", "\"orc\" stands twice"},
      {"orc, kind:orc", "\"orc\" stands twice"},
      {"size", "\"size\" has no number after a ="},
      {"orc,size", "\"size\" has no number after a ="},
      {"size=31", "size is 31, learned from 10 to 30"},
      {"size:12", "expected LABEL"},
      {"kind=orc", "\"kind\" is an attribute: its labels stand alone, or after a colon"},
      {"hair:blue", "hair:red, brown; eyes: eyes:red, blue"},
      {"orc,", "\"\" is no label"},
      {"1,2", "which is 2 numbers"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    float values[7];
    mote_error error = {0};
    assert_int_equal(context_parse("--context", cases[i][0], &several, values, &error), MOTE_ERROR_USAGE);
    if (!strstr(error.message, cases[i][1])) fail_msg("\"%s\" is not in \"%s\"", cases[i][1], error.message);
    assert_non_null(strstr(error.message, "kind: orc, elf; size 10 to 30; hair:"));
  }
}

static void a_model_without_labels_takes_numbers(void **state) {
  (void)state;
  mote_model_info bare = {.n_cfeat = 2};
  float values[2];
  mote_error error;
  assert_int_equal(context_parse("--context", "1,2", &bare, values, &error), MOTE_OK);
  assert_int_equal(context_parse("--context", "none", &bare, values, &error), MOTE_OK);
  assert_int_equal(context_parse("--context", "hero", &bare, values, &error), MOTE_ERROR_USAGE);
  assert_non_null(strstr(error.message, "no labels"));
}

static void a_label_called_none_can_be_asked_for(void **state) {
  (void)state;
  mote_model_info odd = {.n_cfeat = 2, .label_count = 2, .labels = {"some", "none"}};
  float values[2];
  mote_error error;
  assert_int_equal(context_parse("--context", "none", &odd, values, &error), MOTE_OK);
  assert_true(values[1] == 1);
}

static void numbers_are_read_strictly(void **state) {
  (void)state;
  static const char *const wrong[] = {"",   " 1", "1 ", "1x", "0x10", "1.5", "--1", "+1", "99999999999999999999",
                                      "11", "-1"};
  mote_error error;
  int value = 0;
  for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
    assert_int_equal(option_int("--steps", wrong[i], 0, 10, &value, &error), MOTE_ERROR_USAGE);
    assert_non_null(strstr(error.message, "--steps"));
    assert_non_null(strstr(error.message, "0 to 10"));
  }
  assert_int_equal(option_int("--steps", "10", 0, 10, &value, &error), MOTE_OK);
  assert_int_equal(value, 10);
  assert_int_equal(option_int("--steps", "-3", -5, 10, &value, &error), MOTE_OK);
  assert_int_equal(value, -3);
  uint64_t large = 0;
  assert_int_equal(option_uint64("--seed", "18446744073709551615", UINT64_MAX, &large, &error), MOTE_OK);
  assert_true(large == UINT64_MAX);
  assert_int_equal(option_uint64("--seed", "18446744073709551616", UINT64_MAX, &large, &error), MOTE_ERROR_USAGE);
  assert_int_equal(option_uint64("--seed", "-1", UINT64_MAX, &large, &error), MOTE_ERROR_USAGE);
  double real = 0;
  assert_int_equal(option_double("--eta", "0.25", 0, 1, &real, &error), MOTE_OK);
  assert_true(real == 0.25);
  static const char *const unreal[] = {"", "nan", "inf", "0x1p-3", "1.01", "-0.1", "0.5f", " 0.5", "1e999"};
  for (size_t i = 0; i < sizeof unreal / sizeof unreal[0]; i++)
    assert_int_equal(option_double("--eta", unreal[i], 0, 1, &real, &error), MOTE_ERROR_USAGE);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(few_colours_stay_as_they_are),
      cmocka_unit_test(more_colours_come_nearer),
      cmocka_unit_test(a_snapped_picture_holds_palette_colours_only),
      cmocka_unit_test(nearest_is_nearest),
      cmocka_unit_test(weights_move_a_palette),
      cmocka_unit_test(means_are_rounded),
      cmocka_unit_test(the_same_pixels_give_the_same_palette),
      cmocka_unit_test(a_grid_is_as_square_as_it_can_be),
      cmocka_unit_test(tiles_lie_in_rows_and_spare_cells_are_empty),
      cmocka_unit_test(a_grid_too_large_is_refused_by_name),
      cmocka_unit_test(png_comes_back_with_its_channels),
      cmocka_unit_test(png_goes_to_a_file_whole),
      cmocka_unit_test(a_full_disk_fails_before_the_commit),
      cmocka_unit_test(gif_comes_back_frame_by_frame),
      cmocka_unit_test(the_last_frame_keeps_its_colours_amid_noise),
      cmocka_unit_test(gif_shows_grey_and_alpha_on_white),
      cmocka_unit_test(a_gif_too_wide_is_refused),
      cmocka_unit_test(contexts_are_read),
      cmocka_unit_test(wrong_contexts_list_the_labels),
      cmocka_unit_test(labels_of_several_attributes_stand_together),
      cmocka_unit_test(wrong_contexts_of_several_attributes_say_what_is_wrong),
      cmocka_unit_test(a_model_without_labels_takes_numbers),
      cmocka_unit_test(a_label_called_none_can_be_asked_for),
      cmocka_unit_test(numbers_are_read_strictly),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
