// test_number.c: numbers as text under a host whose locale writes decimal commas: files, messages and models stay the same.
#include "tests/support.h"

#include <locale.h>
#include <sys/stat.h>

#include "runtime/error.h"
#include "runtime/number.h"

// ---------------------------------------------------------------------------------------------------------------------
// A locale with decimal commas, which no package must bring: a folder of LOCPATH with the one file that counts

// What localedef makes of decimal_point ",", thousands_sep "." and grouping 3;3.
static const uint8_t numeric[] = {0x14, 0x11, 0x03, 0x20, 6,   0, 0, 0, 32,  0,   0,   0, 34,  0,   0,   0,   36,  0,   0,   0, 40,
                                  0,    0,    0,    44,   0,   0, 0, 48, 0,  0,   0,   ',', 0,  '.', 0,   3,   3,   0,   0,   ',', 0,
                                  0,    0,    '.',  0,    0,   0, 'A', 'N', 'S', 'I', '_', 'X', '3', '.', '4', '-', '1', '9', '6', '8', 0};

static char folder[64];

static void use_commas(void) {
  char path[128];
  strcpy(folder, "/tmp/mote_number_XXXXXX");
  assert_non_null(mkdtemp(folder));
  snprintf(path, sizeof path, "%s/xx_XX", folder);
  assert_int_equal(mkdir(path, 0700), 0);
  snprintf(path, sizeof path, "%s/xx_XX/LC_NUMERIC", folder);
  FILE *file = fopen(path, "wb");
  assert_non_null(file);
  assert_int_equal(fwrite(numeric, 1, sizeof numeric, file), sizeof numeric);
  assert_int_equal(fclose(file), 0);
  setenv("LOCPATH", folder, 1);
  char half[8];
  if (!setlocale(LC_NUMERIC, "xx_XX")) fail_msg("the locale of %s is not taken", folder);
  snprintf(half, sizeof half, "%g", 0.5);
  assert_string_equal(half, "0,5");
}

static void forget_commas(void) {
  char path[128];
  setlocale(LC_NUMERIC, "C");
  snprintf(path, sizeof path, "%s/xx_XX/LC_NUMERIC", folder);
  unlink(path);
  snprintf(path, sizeof path, "%s/xx_XX", folder);
  rmdir(path);
  assert_int_equal(rmdir(folder), 0);
}

// ---------------------------------------------------------------------------------------------------------------------

static void numbers_are_the_same_text_in_every_locale(void **state) {
  (void)state;
  static const struct {
    double value;
    const char *text;
  } numbers[] = {{0, "0"},       {0.5, "0.5"},       {1e-4, "0.0001"}, {0.02, "0.02"}, {0.1, "0.1"}, {1.0 / 3, "0.3333333333333333"},
                 {-2.5, "-2.5"}, {1e300, "1e+300"}, {1e-5, "1e-05"},  {100, "100"},   {0.1f, "0.10000000149011612"}};
  for (int comma = 0; comma < 2; comma++) {
    if (comma) use_commas();
    for (size_t i = 0; i < COUNT(numbers); i++) {
      const char *end;
      double value;
      assert_string_equal(number_format(numbers[i].value).text, numbers[i].text);
      assert_true(number_parse(numbers[i].text, &end, &value) && !*end && value == numbers[i].value);
    }
    const char *end;
    double value;
    assert_true(number_parse("0,5", &end, &value) && value == 0 && *end == ',');
    static const char *const none[] = {"", " 1", "inf", "nan", "0x1", "-", ".", "1e999", ",5"};
    for (size_t i = 0; i < COUNT(none); i++) assert_false(number_parse(none[i], &end, &value));
    mote_error error;
    (fail)(&error, MOTE_ERROR_USAGE, "eta is %g", 1.5);
    assert_string_equal(error.message, "eta is 1.5");
    char own[8];
    snprintf(own, sizeof own, "%g", 0.5);
    assert_string_equal(own, comma ? "0,5" : "0.5");  // the host keeps its locale
    if (comma) forget_commas();
  }
}

// Writes weights and state of a fresh trainer to memory, as one text.
static uint8_t *train(mote_device *device, size_t *bytes) {
  static uint8_t pixels[2 * 8 * 8 * 3];
  mote_error error = {0};
  mote_trainer *trainer;
  mote_model *model;
  char path[64];
  snprintf(path, sizeof path, "/tmp/mote-number-%d", (int)getpid());
  const mote_trainer_desc desc = {.device = device,
                                  .model = {.channels = 3, .height = 8, .n_feat = 8, .n_cfeat = 2, .timesteps = 20},
                                  .data = {2, pixels, NULL},
                                  .batch = 2,
                                  .total_steps = 2,
                                  .context_drop = 0.25};
  MUST(mote_trainer_create(&desc, &trainer, &error));
  MUST(mote_trainer_save_state(trainer, path, &error));
  MUST(mote_trainer_load_state(trainer, path, &error));
  MUST(mote_trainer_save_weights(trainer, path, true, &error));
  MUST(mote_model_load_file(device, path, &model, &error));
  const mote_model_info *info = mote_model_get_info(model);
  assert_true(info->beta_start == 1e-4 && info->beta_end == 0.02 && info->context_drop == 0.25);
  uint8_t *data;
  MUST(file_read(path, 1 << 24, &data, bytes, &error));
  unlink(path);
  mote_model_destroy(&model);
  mote_trainer_destroy(&trainer);
  return data;
}

static void a_host_with_decimal_commas_writes_and_reads_the_same_files(void **state) {
  (void)state;
  mote_device *device = test_device((mote_device_desc){0});
  size_t bytes, again;
  uint8_t *data = train(device, &bytes);
  use_commas();
  uint8_t *same = train(device, &again);
  forget_commas();
  assert_int_equal(bytes, again);
  assert_memory_equal(data, same, bytes);
  free(data);
  free(same);
  test_device_end(&device);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(numbers_are_the_same_text_in_every_locale),
      cmocka_unit_test(a_host_with_decimal_commas_writes_and_reads_the_same_files),
  };
  return cmocka_run_group_tests_name("number", tests, NULL, NULL);
}
