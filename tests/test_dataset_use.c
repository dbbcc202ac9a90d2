// test_dataset_use.c: what is done with images to train on: resized, split, shown, and their losses drawn.
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "tools/data/contact_sheet.h"
#include "tools/data/dataset_options.h"
#include "tools/images/image_fit.h"
#include "tools/images/image_read.h"
#include "tools/train/plot.h"

#include <cmocka.h>  // after the headers that it needs

static void colours_and_tiles_are_read_strictly(void **state) {
  (void)state;
  static const char *const colours[] = {"", "#", "red", "#12345", "#1234567", "#12345g", "##123456"};
  static const char *const tiles[] = {"", "x16", "16x", "16x16x", "0x16", "-4x4", "16 x16", "99999x16"};
  dataset_desc desc = {0};
  mote_error error;
  for (size_t i = 0; i < sizeof colours / sizeof colours[0]; i++)
    assert_int_equal(dataset_parse_colour(colours[i], &desc, &error), MOTE_ERROR_USAGE);
  for (size_t i = 0; i < sizeof tiles / sizeof tiles[0]; i++)
    assert_int_equal(dataset_take_option(&desc, DATASET_TILE, tiles[i], &error), MOTE_ERROR_USAGE);
  assert_int_equal(dataset_take_option(&desc, DATASET_TILE, "8x16", &error), MOTE_OK);
  assert_int_equal(desc.tile[0], 8);
  assert_int_equal(desc.tile[1], 16);
  assert_int_equal(dataset_parse_colour("white", &desc, &error), MOTE_OK);
  assert_int_equal(desc.background[1], 255);
}

static void whole_factors_repeat_or_average_pixels(void **state) {
  (void)state;
  uint8_t pixels[] = {10, 20, 30, 255, 50, 60, 70, 255, 90, 0, 0, 255, 7, 7, 7, 0};
  image small = {.width = 2, .height = 2, .channels = 4, .pixels = pixels}, large, back;
  mote_error error;
  assert_int_equal(image_resize(&small, 6, 4, &large, &error), MOTE_OK);
  for (int y = 0; y < 4; y++)
    for (int x = 0; x < 6; x++) {
      const uint8_t *from = pixels + (y / 2 * 2 + x / 3) * 4, *pixel = large.pixels + (y * 6 + x) * 4;
      assert_int_equal(pixel[3], from[3]);
      if (from[3]) assert_memory_equal(pixel, from, 4);
    }
  assert_int_equal(image_resize(&large, 2, 2, &back, &error), MOTE_OK);
  assert_memory_equal(back.pixels, pixels, 12);
  image_finish(&back);
  assert_int_equal(image_resize(&small, 1, 1, &back, &error), MOTE_OK);
  // The mean of the three that can be seen; a quarter is transparent.
  assert_memory_equal(back.pixels, ((uint8_t[]){50, 27, 33, 191}), 4);
  image_finish(&back);
  image_finish(&large);
}

static void any_size_keeps_a_flat_colour(void **state) {
  (void)state;
  uint8_t pixels[15 * 4];
  mote_error error;
  for (int i = 0; i < 15; i++) memcpy(pixels + 4 * i, (uint8_t[]){123, 45, 67, 200}, 4);
  for (int side = 1; side < 12; side++) {
    image from = {.width = 5, .height = 3, .channels = 4, .pixels = pixels}, to;
    assert_int_equal(image_resize(&from, side, 12 - side, &to, &error), MOTE_OK);
    for (int i = 0; i < side * (12 - side); i++) assert_memory_equal(to.pixels + 4 * i, pixels, 4);
    image_finish(&to);
  }
}

// ---------------------------------------------------------------------------------------------------------------------
// Splitting

// `count` images of 4 × 4, whose first pixel is their number; labels go round.
static void make_set(dataset *set, uint32_t count, int class_count) {
  *set = (dataset){.count = count, .size = {4, 4, 1}, .class_count = class_count};
  set->pixels = calloc(count, 16);
  set->labels = malloc(count * sizeof *set->labels);
  for (uint32_t i = 0; i < count; i++) {
    set->pixels[i * 16] = (uint8_t)i;
    set->labels[i] = class_count ? (int)i % class_count : -1;
  }
}

static void split(const dataset *set, double fraction, uint64_t seed, dataset *train, dataset *held) {
  mote_error error;
  assert_int_equal(dataset_split(set, fraction, seed, train, held, &error), MOTE_OK);
}

static void the_split_is_stratified_whole_and_without_overlap(void **state) {
  (void)state;
  dataset set, parts[2];
  for (int class_count = 0; class_count < 5; class_count++) {
    make_set(&set, 200, class_count);
    split(&set, 0.1, 3, &parts[0], &parts[1]);
    assert_int_equal(parts[0].count + parts[1].count, 200);
    for (int label = 0; label < class_count; label++)
      assert_int_equal(dataset_class_size(&parts[1], label), (int)(0.1 * dataset_class_size(&set, label) + 0.5));
    if (!class_count) assert_int_equal(parts[1].count, 20);
    bool seen[200] = {false};
    for (int part = 0; part < 2; part++)
      for (uint32_t i = 0; i < parts[part].count; i++) {
        int number = parts[part].pixels[i * 16];
        assert_false(seen[number]);
        assert_int_equal(parts[part].labels[i], set.labels[number]);
        seen[number] = true;
      }
    dataset_finish(&parts[0]), dataset_finish(&parts[1]), dataset_finish(&set);
  }
}

static void the_split_depends_on_the_seed_alone(void **state) {
  (void)state;
  dataset set, train[3], held[3];
  make_set(&set, 200, 4);
  for (int i = 0; i < 3; i++) split(&set, 0.25, i < 2 ? 5 : 6, &train[i], &held[i]);
  assert_true(dataset_hash(&held[0]) == dataset_hash(&held[1]));
  assert_true(dataset_hash(&train[0]) == dataset_hash(&train[1]));
  assert_true(dataset_hash(&held[0]) != dataset_hash(&held[2]));
  for (int i = 0; i < 3; i++) dataset_finish(&train[i]), dataset_finish(&held[i]);
  dataset_finish(&set);
}

static void a_class_never_loses_its_last_image(void **state) {
  (void)state;
  dataset set, train, held;
  make_set(&set, 3, 3);
  split(&set, 0.9, 1, &train, &held);
  assert_int_equal(train.count, 3);
  assert_int_equal(held.count, 0);
  dataset_finish(&train), dataset_finish(&held);
  split(&set, 0, 1, &train, &held);
  assert_int_equal(held.count, 0);
  dataset_finish(&train), dataset_finish(&held), dataset_finish(&set);
}

// ---------------------------------------------------------------------------------------------------------------------
// Pictures

static void a_contact_sheet_has_a_row_a_class(void **state) {
  (void)state;
  dataset set;
  image sheet;
  mote_error error;
  make_set(&set, 100, 3);
  assert_int_equal(contact_sheet_of_dataset(&sheet, &set, 5, 2, &error), MOTE_OK);
  assert_int_equal(sheet.width, 5 * 4 * 2);
  assert_int_equal(sheet.height, 3 * 4 * 2);
  for (int row = 0; row < 3; row++)
    for (int column = 0; column < 5; column++) assert_int_equal(sheet.pixels[row * 8 * 40 + column * 8] % 3, row);
  image_finish(&sheet);
  set.size.width = 2;
  set.size.height = 8;
  assert_int_equal(contact_sheet_of_dataset(&sheet, &set, 5, 2, &error), MOTE_OK);
  assert_true(sheet.width == 5 * 2 * 2 && sheet.height == 3 * 8 * 2);
  for (int row = 0; row < 3; row++)
    for (int column = 0; column < 5; column++) assert_int_equal(sheet.pixels[(row * 16 + 1) * 20 + column * 4 + 1] % 3, row);
  image_finish(&sheet), dataset_finish(&set);
  make_set(&set, 7, 0);
  assert_int_equal(contact_sheet_of_dataset(&sheet, &set, 5, 1, &error), MOTE_OK);
  assert_int_equal(sheet.height, 2 * 4);
  assert_int_equal(sheet.pixels[4 * 20 + 4], 6);
  assert_int_equal(sheet.pixels[4 * 20 + 8], 255);  // free
  image_finish(&sheet), dataset_finish(&set);
}

static void loss_curves_are_drawn_of_any_losses(void **state) {
  (void)state;
  static const double values[] = {0.5, 1e-30, 1e30, -1, 0, NAN, INFINITY};
  mote_error error;
  for (size_t count = 0; count <= sizeof values / sizeof values[0]; count++) {
    plot_point points[8];
    image picture;
    for (size_t i = 0; i < count; i++) points[i] = (plot_point){(double)(i * i * 1000), values[i], values[i]};
    assert_int_equal(plot_losses(&picture, points, count, &error), MOTE_OK);
    size_t coloured = 0, pixels = (size_t)picture.width * (size_t)picture.height;
    for (size_t i = 0; i < pixels; i++) coloured += picture.pixels[3 * i] != 255;
    assert_in_range(coloured, 500, pixels / 2);
    image_finish(&picture);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(colours_and_tiles_are_read_strictly),
      cmocka_unit_test(whole_factors_repeat_or_average_pixels),
      cmocka_unit_test(any_size_keeps_a_flat_colour),
      cmocka_unit_test(the_split_is_stratified_whole_and_without_overlap),
      cmocka_unit_test(the_split_depends_on_the_seed_alone),
      cmocka_unit_test(a_class_never_loses_its_last_image),
      cmocka_unit_test(a_contact_sheet_has_a_row_a_class),
      cmocka_unit_test(loss_curves_are_drawn_of_any_losses),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
