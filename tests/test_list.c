// test_list.c: arrays grow by doubling, keep what they hold, and refuse what no memory could hold.
#include "runtime/list.h"

#include "tests/support.h"

static void a_list_has_room_for_one_more_and_keeps_what_it_holds(void **state) {
  (void)state;
  int *numbers = NULL;
  for (int i = 0; i < 1000; i++) {
    assert_true(LIST_ROOM(numbers, i));
    numbers[i] = i;
  }
  for (int i = 0; i < 1000; i++) assert_int_equal(numbers[i], i);
  free(numbers);
}

static void a_list_moves_at_powers_of_two_alone(void **state) {
  (void)state;
  int number = 0, *entries = &number;  // no block of malloc: moving it would be seen
  for (size_t count = 0; count < 100; count++)
    if (count & (count - 1)) assert_true(LIST_ROOM(entries, count));
  assert_ptr_equal(entries, &number);
}

static void sizes_that_overflow_are_refused(void **state) {
  (void)state;
  struct {
    uint64_t words[4];
  } *entries = NULL;
  const size_t half = SIZE_MAX / 2 + 1;  // a power of two
  assert_false(LIST_ROOM(entries, half));
  assert_false(LIST_ROOM(entries, half / 32));
  size_t capacity = 0;
  assert_false(list_reserve(&entries, &capacity, SIZE_MAX / 32 + 1, sizeof *entries));
  assert_int_equal(capacity, 0);
  assert_null(entries);
}

static void an_array_reserves_what_is_needed_and_more(void **state) {
  (void)state;
  uint16_t *entries = NULL;
  size_t capacity = 0, moves = 0;
  for (size_t count = 1; count <= 1000; count++) {
    const size_t before = capacity;
    assert_true(list_reserve(&entries, &capacity, count, sizeof *entries));
    assert_true(capacity >= count);
    moves += capacity != before;
    entries[count - 1] = (uint16_t)count;
  }
  for (size_t i = 0; i < 1000; i++) assert_int_equal(entries[i], i + 1);
  assert_true(moves < 12);
  free(entries);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(a_list_has_room_for_one_more_and_keeps_what_it_holds),
                                     cmocka_unit_test(a_list_moves_at_powers_of_two_alone),
                                     cmocka_unit_test(sizes_that_overflow_are_refused),
                                     cmocka_unit_test(an_array_reserves_what_is_needed_and_more)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
