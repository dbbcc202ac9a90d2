// test_dataset.c: images to train on: what is read from folders and sheets, and what is refused and why.
#include "tests/dataset_support.h"
#include "tools/data/contact_sheet.h"

static void make_sub_folder(const char *name) {
  assert_int_equal(mkdir(in(name), 0777), 0);
}

// Every image differs: colours count up from `seed`.
static void write_png(const char *name, int width, int height, int channels, int seed) {
  image picture = {.width = width, .height = height, .channels = channels};
  size_t bytes = (size_t)(width * height * channels);
  mote_error error;
  picture.pixels = malloc(bytes);
  for (size_t i = 0; i < bytes; i++) {
    bool alpha = channels % 2 == 0 && i % (size_t)channels == (size_t)channels - 1;
    picture.pixels[i] = alpha ? 255 : (uint8_t)(seed * 37 + (int)i * 11 + 1);
  }
  assert_int_equal(image_save_png(&picture, in(name), &error), MOTE_OK);
  image_finish(&picture);
}

// ---------------------------------------------------------------------------------------------------------------------
// Folders

static void sub_folders_are_classes_in_the_order_of_their_names(void **state) {
  (void)state;
  dataset set;
  make_sub_folder("zebra"), make_sub_folder("ant"), make_sub_folder(".hidden");
  write_png("zebra/1.png", 8, 8, 3, 1), write_png("ant/2.PNG", 8, 8, 3, 2), write_png("ant/1.png", 8, 8, 3, 3);
  write_bytes(in("ant/LICENSE"), "free", 4);
  read_set(&set, (dataset_desc){.path = folder});
  assert_int_equal(set.count, 3);
  assert_int_equal(set.class_count, 2);
  assert_string_equal(set.classes[0], "ant");
  assert_string_equal(set.classes[1], "zebra");
  assert_int_equal(set.labels[0] + set.labels[1], 0);
  assert_int_equal(set.labels[2], 1);
  assert_int_equal(set.size.height, 8);
  assert_int_equal(set.size.channels, 3);
  assert_int_equal(set.pixels[0], 3 * 37 + 1);  // of ant/1.png, the first by name
  assert_string_equal(set.source, strrchr(folder, '/') + 1);
  dataset_finish(&set);
}

static void a_flat_folder_has_no_classes(void **state) {
  (void)state;
  dataset set;
  mote_error error;
  float *contexts = NULL;
  write_png("a.png", 4, 4, 3, 1), write_png("b.png", 4, 4, 3, 2);
  read_set(&set, (dataset_desc){.path = folder});
  assert_int_equal(set.class_count, 0);
  assert_int_equal(set.labels[1], -1);
  assert_int_equal(dataset_context_length(&set), 1);
  assert_int_equal(dataset_contexts(&set, &contexts, &error), MOTE_OK);
  assert_true(contexts[0] == 0 && contexts[1] == 0);
  free(contexts);
  dataset_finish(&set);
}

static void what_is_no_png_is_named(void **state) {
  (void)state;
  write_bytes(in("a.png"), "GIF89a and more", 15);
  refused((dataset_desc){.path = folder}, MOTE_ERROR_FORMAT, "a.png", "is a GIF image");
  write_bytes(in("a.png"), "", 0);
  refused((dataset_desc){.path = folder}, MOTE_ERROR_FORMAT, "a.png", "is empty");
}

static void what_is_no_image_in_a_folder_is_counted_and_never_waited_for(void **state) {
  (void)state;
  dataset set;
  char text[256];
  write_bytes(in("a.gif"), "GIF89a and more", 15), write_bytes(in("b.gif"), "GIF89a and more", 15);
  write_bytes(in("LICENSE"), "free", 4), write_bytes(in(".hidden"), "", 0);
  assert_int_equal(mkfifo(in("pipe.png"), 0600), 0);
  assert_int_equal(symlink("nowhere", in("link.png")), 0);
  assert_int_equal(symlink("/dev/zero", in("zero.png")), 0);
  refused((dataset_desc){.path = folder}, MOTE_ERROR_FORMAT, "found only 6 files that are no images (", "2 GIF");
  write_png("a.PNG", 4, 4, 3, 1), write_png("no_ending", 4, 4, 3, 2), write_png("b.jpg", 4, 4, 3, 3);
  read_set(&set, (dataset_desc){.path = folder});
  assert_int_equal(set.count, 3);
  dataset_describe_left_out(&set, text, sizeof text);
  static const char *const kinds[] = {"6 files that are no images", "2 GIF", "1 other", "1 pipe", "1 dangling link", "1 device"};
  for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
    if (!strstr(text, kinds[i])) fail_msg("\"%s\" is not in \"%s\"", kinds[i], text);
  dataset_finish(&set);
}

static void what_is_left_out_has_a_place_whatever_its_kinds(void **state) {
  (void)state;
  static const char *const names[] = {"a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "m", "n"};
  dataset set = {0};
  char text[256];
  for (int i = 0; i < 28; i++) dataset_leave_out(&set, names[i % 14]);
  dataset_describe_left_out(&set, text, sizeof text);
  assert_string_equal(text, "28 files that are no images (2 a, 2 b, 2 c, 2 d, 2 e, 2 f, 2 g, 2 h, 2 i, 2 j, 2 k, 6 other)");
  dataset_describe_left_out(&set, text, 40);
  assert_string_equal(text, "28 files that are no images (2 a, 2 b, ");
}

static void what_cannot_be_trained_on_is_called_by_its_name(void **state) {
  (void)state;
  write_bytes(in("x.npy"), "GGUF\3\0\0\0", 8);
  refused((dataset_desc){.path = in("x.npy")}, MOTE_ERROR_FORMAT, "is a GGUF model, expected a folder", "safetensors");
  write_bytes(in("x.npy"), "what", 4);
  refused((dataset_desc){.path = in("x.npy")}, MOTE_ERROR_FORMAT, "x.npy", "expected a folder");
}

static void a_png_that_is_cut_off_anywhere_is_refused(void **state) {
  (void)state;
  uint8_t *bytes = NULL;
  size_t count = 0;
  mote_error error;
  write_png("whole.png", 8, 8, 4, 1);
  assert_int_equal(file_read(in("whole.png"), 1 << 20, &bytes, &count, &error), MOTE_OK);
  assert_int_equal(unlink(in("whole.png")), 0);
  for (size_t kept = 1; kept + 12 < count; kept += 3) {  // the last 12 bytes say only that it ends
    write_bytes(in("part.png"), bytes, kept);
    refused((dataset_desc){.path = folder}, MOTE_ERROR_FORMAT, "part.png", "image");
  }
  free(bytes);
}

static void a_png_that_promises_billions_of_pixels_is_refused(void **state) {
  (void)state;
  static const uint8_t header[] = {0x89, 'P',  'N', 'G', '\r', '\n', 0x1a, '\n', 0, 0, 0, 13, 'I', 'H', 'D', 'R', 0,
                                   0,    0x40, 0,   0,   0,    0x40, 0,    8,    6, 0, 0, 0,  0,   0,   0,   0};
  write_bytes(in("bomb.png"), header, sizeof header);
  refused((dataset_desc){.path = folder}, MOTE_ERROR_FORMAT, "bomb.png", "PNG");
}

static void images_of_different_sizes_are_named_with_both_sizes(void **state) {
  (void)state;
  write_png("a.png", 8, 8, 3, 1), write_png("b.png", 12, 12, 3, 2);
  refused((dataset_desc){.path = folder}, MOTE_ERROR_FORMAT, "b.png: is 12 x 12", "a.png");
  dataset set;
  read_set(&set, (dataset_desc){.path = folder, .size = {16, 16}});
  assert_int_equal(set.size.height, 16);
  dataset_finish(&set);
}

static void images_have_any_height_and_width(void **state) {
  (void)state;
  static const int sizes[][2] = {{8, 12}, {10, 10}, {5, 1}, {3, 7}};
  for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
    dataset set, square;
    write_png("a.png", sizes[i][0], sizes[i][1], 3, 1), write_png("b.png", sizes[i][0], sizes[i][1], 3, 2);
    read_set(&set, (dataset_desc){.path = folder});
    assert_true(set.size.width == sizes[i][0] && set.size.height == sizes[i][1] && set.count == 2);
    for (int k = 0; k < sizes[i][0] * sizes[i][1] * 3; k++)
      assert_int_equal(set.pixels[k], (uint8_t)(37 + k * 11 + 1));  // as write_png wrote them
    // The same bytes in another shape are other images.
    square = set;
    square.size.width = set.size.height, square.size.height = set.size.width;
    assert_true((dataset_hash(&set) == dataset_hash(&square)) == (sizes[i][0] == sizes[i][1]));
    dataset_finish(&set);
  }
  write_png("b.png", 7, 3, 3, 2);
  refused((dataset_desc){.path = folder}, MOTE_ERROR_FORMAT, "b.png: is 7 x 3 pixels, expected 3 x 7 as", "--size WxH");
  unlink(in("b.png"));
  write_png("a.png", 1028, 4, 1, 1);
  refused((dataset_desc){.path = folder}, MOTE_ERROR_FORMAT, "1028 x 4 pixels, expected at most 1024", "--size");
}

static void folders_without_images_are_refused(void **state) {
  (void)state;
  refused((dataset_desc){.path = folder}, MOTE_ERROR_FORMAT, folder, "found no image in it");
  make_sub_folder("a");
  refused((dataset_desc){.path = folder}, MOTE_ERROR_FORMAT, "/a: found no image", "of a class");
  make_sub_folder("a/b");
  refused((dataset_desc){.path = folder}, MOTE_ERROR_FORMAT, "/a: found the folder b", "images of class a only");
  write_png("stray.png", 8, 8, 3, 1);
  refused((dataset_desc){.path = folder}, MOTE_ERROR_FORMAT, "stray.png", "either");
  refused((dataset_desc){.path = in("none")}, MOTE_ERROR_FILE, "none", "No such file");
}

static void class_names_must_fit_a_label(void **state) {
  (void)state;
  make_sub_folder("a,b");
  write_png("a,b/1.png", 8, 8, 3, 1);
  refused((dataset_desc){.path = folder}, MOTE_ERROR_FORMAT, "a,b", "expected no comma");
  assert_int_equal(rename(in("a,b"), in("a_name_that_is_longer_than_31_bytes")), 0);
  refused((dataset_desc){.path = folder}, MOTE_ERROR_FORMAT, "a_name_that_is", "1 to 31 bytes");
  assert_int_equal(rename(in("a_name_that_is_longer_than_31_bytes"), in("h\xe9ros")), 0);
  refused((dataset_desc){.path = folder}, MOTE_ERROR_FORMAT, "h\\xe9ros", "UTF-8");
}

static void classes_beyond_the_most_are_refused(void **state) {
  (void)state;
  for (int i = 0; i <= MOTE_MAX_LABELS; i++) {
    char name[32];
    snprintf(name, sizeof name, "c%04d", i);
    make_sub_folder(name);
    snprintf(name, sizeof name, "c%04d/1.png", i);
    if (i)
      assert_int_equal(link(in("c0000/1.png"), in(name)), 0);
    else
      write_png(name, 4, 4, 1, i);
  }
  refused((dataset_desc){.path = folder}, MOTE_ERROR_FORMAT, "c1024", "at most 1024");
}

// ---------------------------------------------------------------------------------------------------------------------
// Channels, colours, sizes

static void channels_come_from_the_images_unless_said(void **state) {
  (void)state;
  dataset set;
  write_png("a.png", 4, 4, 1, 1);
  read_set(&set, (dataset_desc){.path = folder});
  assert_int_equal(set.size.channels, 1);
  dataset_finish(&set);
  write_png("b.png", 4, 4, 4, 2);
  read_set(&set, (dataset_desc){.path = folder});
  assert_int_equal(set.size.channels, 3);
  assert_false(set.composited);  // opaque
  dataset_finish(&set);
  read_set(&set, (dataset_desc){.path = folder, .channels = 4});
  assert_int_equal(set.size.channels, 4);
  assert_int_equal(set.pixels[3], 255);
  dataset_finish(&set);
}

static void alpha_is_composited_on_the_background_or_kept(void **state) {
  (void)state;
  uint8_t pixels[16 * 4];
  for (int i = 0; i < 16; i++) memcpy(pixels + 4 * i, (uint8_t[]){200, 100, 0, i ? 51 : 0}, 4);
  image picture = {.width = 4, .height = 4, .channels = 4, .pixels = pixels};
  mote_error error;
  assert_int_equal(image_save_png(&picture, in("a.png"), &error), MOTE_OK);
  dataset set;
  dataset_desc desc = {.path = folder};
  assert_int_equal(dataset_parse_colour("#0a64FF", &desc, &error), MOTE_OK);
  read_set(&set, desc);
  assert_true(set.composited);
  assert_memory_equal(set.pixels, ((uint8_t[]){10, 100, 255, 48, 100, 204}), 6);
  dataset_finish(&set);
  desc.channels = 4;
  read_set(&set, desc);
  assert_memory_equal(set.pixels, pixels, sizeof pixels);
  assert_false(set.composited);
  dataset_finish(&set);
}

// ---------------------------------------------------------------------------------------------------------------------
// Sheets

static void tiles_of_a_sheet_need_not_be_square(void **state) {
  (void)state;
  dataset set;
  write_png("sheet.png", 16, 12, 1, 5);  // 2 × 2 tiles
  read_set(&set, (dataset_desc){.path = in("sheet.png"), .tile = {8, 6}});
  assert_true(set.count == 4 && set.size.width == 8 && set.size.height == 6);
  for (int i = 0; i < 4 * 48; i++) {
    const int x = i % 8 + i / 48 % 2 * 8, y = i / 8 % 6 + i / 96 * 6;
    assert_int_equal(set.pixels[i], (uint8_t)(5 * 37 + (y * 16 + x) * 11 + 1));
  }
  dataset_finish(&set);
}

static void a_sheet_is_cut_by_its_class_map(void **state) {
  (void)state;
  dataset set;
  write_png("sheet.png", 16, 12, 3, 5);  // 4 × 3 tiles
  read_set(&set, (dataset_desc){.path = in("sheet.png"),
                                .tile = {4, 4},
                                .classes = " a = 0 ; b=1:0-1, 2:3;; # c=2\na=1:3 "});
  assert_int_equal(set.class_count, 2);
  assert_int_equal(dataset_class_size(&set, 0) + set.duplicate_count, 5);
  assert_int_equal(dataset_class_size(&set, 1), 3);
  assert_int_equal(set.pixels[0], (uint8_t)(5 * 37 + 1));
  dataset_finish(&set);
}

static void a_class_map_may_be_a_file(void **state) {
  (void)state;
  dataset set;
  write_png("sheet.png", 8, 8, 3, 5);
  write_bytes(in("map"), "# rows\nup = 0\r\ndown=1\n", 22);
  read_set(&set, (dataset_desc){.path = in("sheet.png"), .tile = {4, 4}, .classes = in("map")});
  assert_int_equal(set.count, 4);
  assert_string_equal(set.classes[1], "down");
  dataset_finish(&set);
}

static void empty_and_repeated_tiles_are_left_out(void **state) {
  (void)state;
  uint8_t pixels[4 * 16 * 4] = {0};  // 4 tiles in a row: transparent, opaque black, and one twice
  for (int y = 0; y < 4; y++)
    for (int x = 4; x < 16; x++) memcpy(pixels + (y * 16 + x) * 4, (uint8_t[]){x < 8 ? 0 : 9, 0, 0, 255}, 4);
  image picture = {.width = 16, .height = 4, .channels = 4, .pixels = pixels};
  mote_error error;
  dataset set;
  assert_int_equal(image_save_png(&picture, in("sheet.png"), &error), MOTE_OK);
  dataset_desc desc = {.path = in("sheet.png"), .tile = {4, 4}};
  read_set(&set, desc);
  assert_int_equal(set.count, 1);
  assert_int_equal(set.empty_count, 2);
  assert_int_equal(set.duplicate_count, 1);
  assert_int_equal(set.class_count, 0);
  dataset_finish(&set);
  desc.classes = "some=0:2-3;clear=0:0-1";
  refused(desc, MOTE_ERROR_FORMAT, "class clear", "empty");
}

static void faulty_sheets_and_maps_are_refused(void **state) {
  (void)state;
  static const struct {
    const char *map, *first, *second;
  } cases[] = {
      {"", "--classes", "No such file"},
      {"hero", "--classes: hero", "expected a file"},
      {"=1", "class called \"\"", "1 to 31"},
      {"a=", "found \"\"", "rows from 0 to 2"},
      {"a=x", "found \"x\"", "rows from 0 to 2"},
      {"a=3", "found \"3\"", "rows from 0 to 2"},
      {"a=-1", "found \"-1\"", "rows"},
      {"a=2-1", "2-1", "smaller number first"},
      {"a=0-9", "0-9", "rows from 0 to 2"},
      {"a=0:4", "found \"4\"", "columns from 0 to 3"},
      {"a=0 1", "found \"1\"", "comma"},
      {"a=0;b", "found \"b\"", "CLASS=ROWS"},
      {"a=0;b=0:2", "row 0, column 2 is both a and b", "one class"},
      {"a=99999999999999999999", "9999", "rows"},
      {"#a=1", "found no class", "CLASS=ROWS"},
  };
  write_png("sheet.png", 16, 12, 3, 5);
  dataset_desc desc = {.path = in("sheet.png"), .tile = {4, 4}};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    desc.classes = cases[i].map;
    refused(desc, *cases[i].map && strchr(cases[i].map, '=') ? MOTE_ERROR_FORMAT : MOTE_ERROR_FILE, cases[i].first,
            cases[i].second);
  }
  desc.classes = NULL;
  desc.tile[0] = 5;
  refused(desc, MOTE_ERROR_FORMAT, "is 16 x 12", "multiples of the tile's 5 x 4");
  desc.tile[0] = 0;
  refused(desc, MOTE_ERROR_USAGE, "--tile: not given", "16x16");
}

static void take(dataset_desc *desc, int option, const char *text) {
  mote_error error;
  if (dataset_take_option(desc, option, text, &error)) fail_msg("%s", error.message);
}

static void tiles_may_have_gaps_between_and_around_them(void **state) {
  (void)state;
  static const struct {
    int width, height;
    const char *spacing, *margin;
  } sheets[] = {{14, 9, "1", "0"},  {15, 10, "1", "0"}, {18, 13, "1", "2"}, {16, 11, "1", "2"},
                {20, 9, "4x1", "0"}, {12, 8, "0", "0"},  {15, 14, "0x2", "3x2"}};
  write_png("big.png", 20, 20, 3, 5);
  for (size_t i = 0; i < sizeof sheets / sizeof sheets[0]; i++) {
    dataset set;
    write_png("sheet.png", sheets[i].width, sheets[i].height, 3, 5);
    dataset_desc desc = {.path = in("sheet.png")};
    take(&desc, DATASET_TILE, "4x4"), take(&desc, DATASET_SPACING, sheets[i].spacing);
    take(&desc, DATASET_MARGIN, sheets[i].margin);
    read_set(&set, desc);
    assert_int_equal(set.count + set.duplicate_count, 6);
    for (int tile = 0; tile < 6 && !set.duplicate_count; tile++) {
      const int x = desc.margin[0] + tile % 3 * (4 + desc.spacing[0]), y = desc.margin[1] + tile / 3 * (4 + desc.spacing[1]);
      assert_int_equal(set.pixels[tile * 48], (uint8_t)(5 * 37 + (y * sheets[i].width + x) * 3 * 11 + 1));
    }
    dataset_finish(&set);
  }
  write_png("sheet.png", 14, 9, 3, 5);
  refused((dataset_desc){.path = in("sheet.png"), .tile = {4, 4}}, MOTE_ERROR_FORMAT, "14 x 9",
          "--spacing 1?");
  refused((dataset_desc){.path = in("big.png"), .tile = {4, 4}, .margin = {30, 30}}, MOTE_ERROR_FORMAT,
          "20 x 20", "--margin");
}

static int least(int a, int b) {
  return a < b ? a : b;
}

static void images_are_cut_or_filled_up_pixel_by_pixel(void **state) {
  (void)state;
  static const struct {
    const char *crop, *pad;
    int width, height;
  } fits[] = {{NULL, "square", 12, 12}, {NULL, "16", 16, 16},  {"square", NULL, 8, 8}, {"8", NULL, 8, 8},   {"4", NULL, 4, 4},
              {"8", "16", 16, 16},      {"4", "8", 8, 8},      {"6x10", NULL, 6, 10},  {"16x4", NULL, 8, 4}, {NULL, "8x20", 8, 20},
              {NULL, "9x12", 9, 12},    {"6x4", "7x9", 7, 9}};
  dataset set;
  write_png("a.png", 8, 12, 3, 1);
  for (size_t i = 0; i < sizeof fits / sizeof fits[0]; i++) {
    dataset_desc desc = {.path = folder, .background = {9, 8, 7}};
    if (fits[i].crop) take(&desc, DATASET_CROP, fits[i].crop);
    if (fits[i].pad) take(&desc, DATASET_PAD, fits[i].pad);
    read_set(&set, desc);
    assert_int_equal(set.size.width, fits[i].width);
    assert_int_equal(set.size.height, fits[i].height);
    assert_false(set.composited);
    const int kept_width = desc.crop[0] > 0 ? least(desc.crop[0], 8) : 8;
    const int kept_height = desc.crop[1] > 0 ? least(desc.crop[1], 12) : desc.crop[1] ? 8 : 12;
    for (int y = 0; y < set.size.height; y++)
      for (int x = 0; x < set.size.width; x++) {
        // Centred twice: what was cut from the old picture, then that in the new one.
        const int in_x = x - (set.size.width - kept_width) / 2, in_y = y - (set.size.height - kept_height) / 2;
        const bool inside = in_x >= 0 && in_x < kept_width && in_y >= 0 && in_y < kept_height;
        const int old_x = in_x + (8 - kept_width) / 2, old_y = in_y + (12 - kept_height) / 2;
        const uint8_t expected = inside ? (uint8_t)(37 + (old_y * 8 + old_x) * 3 * 11 + 1) : 9;
        if (set.pixels[(y * set.size.width + x) * set.size.channels] != expected)
          fail_msg("--crop %s --pad %s: pixel %d, %d", fits[i].crop, fits[i].pad, x, y);
      }
    dataset_finish(&set);
  }
  read_set(&set, (dataset_desc){.path = folder, .pad = {DATASET_SQUARE, DATASET_SQUARE}, .channels = 4});
  assert_int_equal(set.pixels[3], 0);  // filled up with clear pixels where they can be kept
  dataset_finish(&set);
  refused((dataset_desc){.path = folder, .pad = {16, 8}}, MOTE_ERROR_FORMAT, "8 x 12 pixels, more than --pad 16x8", "--crop 16x8");
  read_set(&set, (dataset_desc){.path = folder, .pad = {DATASET_SQUARE, DATASET_SQUARE}, .size = {24, 20}});
  assert_true(set.size.width == 24 && set.size.height == 20);
  dataset_finish(&set);
}

// As the size's, by the same pixels as the numbers that this comes to.
static void images_are_cut_or_filled_up_to_the_shape_that_is_asked_for(void **state) {
  (void)state;
  static const struct {
    int option, width, height;
    const char *numbers;
  } cases[] = {{DATASET_CROP, 4, 2, "8x4"},  {DATASET_CROP, 3, 9, "4x12"}, {DATASET_CROP, 64, 64, "8x8"}, {DATASET_CROP, 2, 3, "8x12"},
               {DATASET_PAD, 4, 2, "24x12"}, {DATASET_PAD, 3, 9, "8x24"},  {DATASET_PAD, 64, 64, "12x12"}, {DATASET_CROP, 900, 1, "8x1"}};
  write_png("a.png", 8, 12, 3, 1);
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    dataset_desc by_shape = {.path = folder, .size = {cases[i].width, cases[i].height}}, by_numbers = by_shape;
    dataset set, other;
    take(&by_shape, cases[i].option, "shape");
    take(&by_numbers, cases[i].option, cases[i].numbers);
    read_set(&set, by_shape);
    read_set(&other, by_numbers);
    assert_true(set.size.width == cases[i].width && set.size.height == cases[i].height);
    if (dataset_hash(&set) != dataset_hash(&other)) fail_msg("the shape of %d x %d is not %s", cases[i].width, cases[i].height, cases[i].numbers);
    dataset_finish(&set);
    dataset_finish(&other);
  }
  refused((dataset_desc){.path = folder, .crop = {DATASET_SHAPE, DATASET_SHAPE}}, MOTE_ERROR_USAGE, "--crop", "--size");
}

static void options_of_other_sources_are_refused(void **state) {
  (void)state;
  write_png("a.png", 4, 4, 3, 1);
  refused((dataset_desc){.path = folder, .tile = {4, 4}}, MOTE_ERROR_USAGE, "--tile", "sheet");
  refused((dataset_desc){.path = folder, .classes = "a=1"}, MOTE_ERROR_USAGE, "--classes", "sheet");
  refused((dataset_desc){.path = folder, .spacing = {0, 1}}, MOTE_ERROR_USAGE, "--spacing", "sheet");
  refused((dataset_desc){.path = folder, .margin = {1, 0}}, MOTE_ERROR_USAGE, "--margin", "sheet");
  refused((dataset_desc){.path = folder, .arrays = "x"}, MOTE_ERROR_USAGE, "--arrays", ".npz");
  refused((dataset_desc){.path = folder, .range = DATASET_RANGE_0_1}, MOTE_ERROR_USAGE, "--range", ".npy");
  refused((dataset_desc){.path = in("a.png"), .range = DATASET_RANGE_0_1}, MOTE_ERROR_USAGE, "--range", ".npy");
  refused((dataset_desc){.path = folder, .labels = "l.npy"}, MOTE_ERROR_USAGE, "--labels", ".npy");
}

static void the_default_sheet_has_its_classes(void **state) {
  (void)state;
  static const struct {
    const char *name;
    uint32_t size;
  } classes[] = {{"hero", 335}, {"monster", 808}, {"item", 89}, {"equipment", 260}, {"spell", 95}};
  dataset set;
  if (access(DATASET_DEFAULT_PATH, R_OK)) {
    refused((dataset_desc){0}, MOTE_ERROR_FILE, DATASET_DEFAULT_PATH, "angband-data");
    skip();
  }
  for (int i = 0; i < 3; i++) {
    read_set(&set, (dataset_desc){.path = i == 0 ? NULL : i == 1 ? DATASET_DEFAULT_NAME : DATASET_DEFAULT_PATH});
    assert_int_equal(set.count, 1587);
    assert_int_equal(set.size.height, 16);
    assert_int_equal(set.size.channels, 3);
    assert_int_equal(set.class_count, 5);
    for (int label = 0; label < 5; label++) {
      assert_string_equal(set.classes[label], classes[label].name);
      assert_int_equal(dataset_class_size(&set, label), classes[label].size);
    }
    dataset_finish(&set);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      IN_FOLDER(sub_folders_are_classes_in_the_order_of_their_names),
      IN_FOLDER(a_flat_folder_has_no_classes),
      IN_FOLDER(what_is_no_png_is_named),
      IN_FOLDER(what_is_no_image_in_a_folder_is_counted_and_never_waited_for),
      cmocka_unit_test(what_is_left_out_has_a_place_whatever_its_kinds),
      IN_FOLDER(what_cannot_be_trained_on_is_called_by_its_name),
      IN_FOLDER(a_png_that_is_cut_off_anywhere_is_refused),
      IN_FOLDER(a_png_that_promises_billions_of_pixels_is_refused),
      IN_FOLDER(images_of_different_sizes_are_named_with_both_sizes),
      IN_FOLDER(images_have_any_height_and_width),
      IN_FOLDER(folders_without_images_are_refused),
      IN_FOLDER(class_names_must_fit_a_label),
      IN_FOLDER(classes_beyond_the_most_are_refused),
      IN_FOLDER(channels_come_from_the_images_unless_said),
      IN_FOLDER(alpha_is_composited_on_the_background_or_kept),
      IN_FOLDER(tiles_of_a_sheet_need_not_be_square),
      IN_FOLDER(a_sheet_is_cut_by_its_class_map),
      IN_FOLDER(a_class_map_may_be_a_file),
      IN_FOLDER(empty_and_repeated_tiles_are_left_out),
      IN_FOLDER(faulty_sheets_and_maps_are_refused),
      IN_FOLDER(tiles_may_have_gaps_between_and_around_them),
      IN_FOLDER(images_are_cut_or_filled_up_pixel_by_pixel),
      IN_FOLDER(images_are_cut_or_filled_up_to_the_shape_that_is_asked_for),
      IN_FOLDER(options_of_other_sources_are_refused),
      cmocka_unit_test(the_default_sheet_has_its_classes),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
