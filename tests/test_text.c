// test_text.c: which text is fit to be shown, and how the rest is shown.
#include "runtime/error.h"
#include "runtime/text.h"
#include "tests/support.h"

static bool clean(const char *text) {
  return text_is_clean(text, strlen(text));
}

static void text_that_is_utf8_without_controls_is_clean(void **state) {
  (void)state;
  assert_true(clean(""));
  assert_true(clean("hero, 32 x 32"));
  assert_true(clean("h\xc3\xa9ros \xe2\x82\xac \xf0\x9f\x97\xa1 \xd7\x90"));
  assert_true(clean("\xef\xbf\xbd"));
}

static void controls_and_broken_utf8_are_not_clean(void **state) {
  (void)state;
  static const char *const foul[] = {
      "\x1b[31m",
      "a\nb",
      "\t",
      "\x7f",
      "\xc2\x9b",  // C0, DEL, and CSI of C1
      "\xe2\x80\xae",
      "\xe2\x81\xa6",
      "\xe2\x80\x8f",
      "\xd8\x9c",      // bidirectional controls
      "\xe2\x80\xa8",  // line separator
      "h\xe9ros",
      "\x80",
      "\xc3",
      "\xe2\x82",
      "\xf5\x80\x80\x80",  // no UTF-8
      "\xc0\x80",
      "\xe0\x80\x80",
      "\xf0\x80\x80\x80",  // too long a form
      "\xed\xa0\x80",
      "\xef\xbf\xbf",
      "\xf4\x90\x80\x80",  // a surrogate, a noncharacter, beyond Unicode
  };
  for (size_t i = 0; i < sizeof foul / sizeof *foul; i++) {
    if (clean(foul[i])) fail_msg("text %zu is taken for clean", i);
  }
}

static void a_label_is_short_and_clean_and_has_no_mark_of_a_list(void **state) {
  (void)state;
  static const struct {
    const char *text, *fault;
  } labels[] = {
      {"a", NULL},
      {"sword long", NULL},
      {"0", NULL},
      {"nonesuch", NULL},
      {"h\xc3\xa9ros", NULL},
      {"1234567890123456789012345678901", NULL},
      {"", "1 to 31 bytes"},
      {"12345678901234567890123456789012", "1 to 31 bytes"},
      {"sword, long", "no comma"},
      {"a=1", "no equals sign"},
      {"none", "another name"},
      {"h\xe9ros", "UTF-8"},
      {"a\nb", "control characters"},
      {"\xe2\x80\xae", "control characters"},
  };
  for (size_t i = 0; i < sizeof labels / sizeof *labels; i++) {
    const char *fault = text_label_fault(labels[i].text, strlen(labels[i].text));
    if (!fault != !labels[i].fault || (fault && !strstr(fault, labels[i].fault)))
      fail_msg("label '%s': %s", labels[i].text, fault ? fault : "allowed");
  }
}

static void foul_bytes_are_shown_by_number(void **state) {
  (void)state;
  char shown[64];
  assert_int_equal(text_show(shown, sizeof shown, "a\x1b]0;p\a \xc2\x9b h\xe9 h\xc3\xa9\n", ""), 36);
  assert_string_equal(shown, "a\\x1b]0;p\\x07 \\xc2\\x9b h\\xe9 h\xc3\xa9\\x0a");
  text_show(shown, sizeof shown, "a\nb\tc", "\n");
  assert_string_equal(shown, "a\nb\\x09c");
}

static void what_does_not_fit_loses_its_middle(void **state) {
  (void)state;
  char shown[17];
  assert_int_equal(text_show(shown, sizeof shown, "0123456789abcdefg", ""), 17);
  assert_string_equal(shown, "0123...89abcdefg");
  assert_int_equal(text_show(shown, sizeof shown, "0123456789abcdef", ""), 16);
  assert_string_equal(shown, "0123456789abcdef");
  // Characters stay whole.
  text_show(shown, sizeof shown, "012\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac", "");
  assert_true(clean(shown));
}

static void a_message_keeps_its_reason(void **state) {
  (void)state;
  char path[2000];
  memset(path, 'p', sizeof path - 1);
  path[sizeof path - 1] = 0;
  mote_error error;
  assert_int_equal((fail)(&error, MOTE_ERROR_FILE, "-o: %s: cannot be made: no such folder", path), MOTE_ERROR_FILE);
  assert_int_equal(strlen(error.message), sizeof error.message - 1);
  assert_memory_equal(error.message, "-o: ppp", 7);
  assert_non_null(strstr(error.message, "ppp: cannot be made: no such folder"));
  (fail)(&error, MOTE_ERROR_FILE, "%s: cannot be opened", "\x1b[2Jx");
  assert_string_equal(error.message, "\\x1b[2Jx: cannot be opened");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(text_that_is_utf8_without_controls_is_clean),
      cmocka_unit_test(controls_and_broken_utf8_are_not_clean),
      cmocka_unit_test(a_label_is_short_and_clean_and_has_no_mark_of_a_list),
      cmocka_unit_test(foul_bytes_are_shown_by_number),
      cmocka_unit_test(what_does_not_fit_loses_its_middle),
      cmocka_unit_test(a_message_keeps_its_reason),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
