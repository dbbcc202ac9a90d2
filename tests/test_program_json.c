// test_program_json.c: JSON that the program reads and prints.
#include "tests/support.h"

#include "tools/json.h"

static long allocations, fail_at;

static void *scarce_malloc(size_t bytes) { return ++allocations == fail_at ? NULL : malloc(bytes); }

static void memory_that_runs_out_is_not_taken_for_a_damaged_file(void **state) {
  (void)state;
  static const char text[] = "{\"a\": [1, \"b\", {\"c\": null}], \"d\": 0.5}";
  cJSON *object = NULL;
  mote_error error;
  cJSON_Hooks hooks = {.malloc_fn = scarce_malloc, .free_fn = free};
  cJSON_InitHooks(&hooks);
  allocations = fail_at = 0;
  assert_int_equal(json_read("x.json", text, strlen(text), &object, &error), MOTE_OK);
  assert_non_null(object);
  cJSON_Delete(object);
  const long needed = allocations;
  assert_true(needed > 5);
  for (long k = 1; k <= needed; k++) {
    allocations = 0;
    fail_at = k;
    assert_int_equal(json_read("x.json", text, strlen(text), &object, &error), MOTE_ERROR_MEMORY);
    assert_null(object);
    assert_string_equal(error.message, "x.json: no memory to read it");
  }
  cJSON_InitHooks(NULL);
  static const char *const damaged[] = {"", "{", "{\"a\"}", "[1", "{\"a\": 1} x", "nonsense"};
  for (size_t i = 0; i < sizeof damaged / sizeof *damaged; i++) {
    assert_int_equal(json_read("x.json", damaged[i], strlen(damaged[i]), &object, &error), MOTE_OK);
    if (object) fail_msg("%s is taken for an object", damaged[i]);
  }
}

static void what_is_not_fit_to_be_shown_is_escaped(void **state) {
  (void)state;
  static const struct {
    const char *value, *text;
  } cases[] = {
      {"h\xc3\xa9ro \xf0\x9f\x97\xa1", "\"h\xc3\xa9ro \xf0\x9f\x97\xa1\""},
      {"\x1b[m\n\"", "\"\\u001b[m\\n\\\"\""},
      {"\x7f\xc2\x9b\xe2\x80\xae", "\"\\u007f\\u009b\\u202e\""},
      {"\xf0\x9f\xbf\xbe", "\"\\ud83f\\udffe\""},  // a noncharacter beyond the first plane
      {"h\xe9ros\x9b", "\"h\\\\xe9ros\\\\x9b\""},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    cJSON *string = cJSON_CreateString(cases[i].value);
    char *text = json_to_text(string, i % 2);
    assert_string_equal(text, cases[i].text);
    free(text);
    cJSON_Delete(string);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(memory_that_runs_out_is_not_taken_for_a_damaged_file),
      cmocka_unit_test(what_is_not_fit_to_be_shown_is_escaped),
  };
  return cmocka_run_group_tests_name("program json", tests, NULL, NULL);
}
