// test_plan.c: the planner gives no byte to two tensors at once, wastes little, and says truly how little it could be.
#include "tests/support.h"

#include "graph/compile/place.h"

static uint32_t draw(uint32_t *state, uint32_t below) {
  return philox((philox_block){{(*state)++, 0, 0, 0}}, 5).words[0] % below;
}

static bool live_together(const plan_item *a, const plan_item *b) { return a->first <= b->last && b->first <= a->last; }

static bool share_bytes(const plan_item *a, const plan_item *b) {
  return a->offset < b->offset + b->bytes && b->offset < a->offset + a->bytes;
}

static size_t aligned(size_t bytes, size_t alignment) { return (bytes + alignment - 1) / alignment * alignment; }

// By the definition: at every moment, the sum of what is alive.
static size_t true_bound(const plan_item *items, int count, size_t alignment, int end) {
  size_t bound = 0;
  for (int now = 0; now <= end; now++) {
    size_t alive = 0;
    for (int i = 0; i < count; i++)
      if (items[i].first <= now && now <= items[i].last) alive += aligned(items[i].bytes, alignment);
    if (alive > bound) bound = alive;
  }
  return bound;
}

enum { SETS = 2000, MOST_ITEMS = 60, MOST_MOMENTS = 40 };

// Fills `items` with a random set: sizes of very different orders, or equal ones; lifetimes short, or to the end.
static int random_set(uint32_t *state, plan_item *items) {
  int count = 1 + (int)draw(state, MOST_ITEMS), moments = 1 + (int)draw(state, MOST_MOMENTS);
  uint32_t order = 1 + draw(state, 20), life = 1 + draw(state, (uint32_t)moments);
  for (int i = 0; i < count; i++) {
    int first = (int)draw(state, (uint32_t)moments), last = first + (int)draw(state, life);
    items[i] = (plan_item){.bytes = draw(state, 2u << order), .first = first, .last = last, .offset = SIZE_MAX};
    if (draw(state, 8) == 0) items[i].last = 2 * MOST_MOMENTS;
  }
  return count;
}

static void items_that_live_at_the_same_time_share_no_byte(void **unused) {
  (void)unused;
  static const size_t alignments[] = {1, 16, 64, 256};
  plan_item items[MOST_ITEMS];
  uint32_t state = 0;
  for (int set = 0; set < SETS; set++) {
    int count = random_set(&state, items);
    size_t alignment = alignments[set % 4], end = 0;
    plan_result result;
    assert_int_equal(plan_place(items, count, alignment, &result, NULL), MOTE_OK);
    for (int i = 0; i < count; i++) {
      assert_int_equal(items[i].offset % alignment, 0);
      if (items[i].offset + items[i].bytes > end) end = items[i].offset + items[i].bytes;
      for (int j = 0; j < i; j++)
        if (live_together(&items[i], &items[j]) && share_bytes(&items[i], &items[j]))
          fail_msg("set %d: items %d and %d share bytes", set, j, i);
    }
    assert_int_equal(result.peak_bytes, aligned(end, alignment));
  }
}

static void the_bound_is_the_most_that_is_alive_and_no_peak_is_below_it(void **unused) {
  (void)unused;
  plan_item items[MOST_ITEMS];
  uint32_t state = 77;
  double peaks = 0, bounds = 0;
  for (int set = 0; set < SETS; set++) {
    int count = random_set(&state, items);
    plan_result result;
    assert_int_equal(plan_place(items, count, 64, &result, NULL), MOTE_OK);
    assert_int_equal(result.bound_bytes, true_bound(items, count, 64, 3 * MOST_MOMENTS));
    assert_true(result.peak_bytes >= result.bound_bytes);
    peaks += (double)result.peak_bytes;
    bounds += (double)result.bound_bytes;
  }
  // Greedy by size stays within a few percent of the bound; a planner that reuses little is far above.
  if (peaks > 1.05 * bounds) fail_msg("peaks are %.4f times the bounds", peaks / bounds);
}

static void the_same_items_are_placed_the_same_way_twice(void **unused) {
  (void)unused;
  plan_item items[MOST_ITEMS], again[MOST_ITEMS];
  uint32_t state = 1234;
  for (int set = 0; set < 50; set++) {
    int count = random_set(&state, items);
    memcpy(again, items, sizeof again);
    plan_result result;
    assert_int_equal(plan_place(items, count, 64, &result, NULL), MOTE_OK);
    assert_int_equal(plan_place(again, count, 64, &result, NULL), MOTE_OK);
    for (int i = 0; i < count; i++) assert_int_equal(items[i].offset, again[i].offset);
  }
}

static void small_sets_are_placed_without_any_waste(void **unused) {
  (void)unused;
  static const struct {
    const char *name;
    plan_item items[5];
    int count;
    size_t peak;
  } cases[] = {
      {"one", {{100, 0, 3, 0}}, 1, 128},
      {"one after the other", {{64, 0, 1, 0}, {64, 2, 3, 0}, {64, 4, 5, 0}}, 3, 64},
      {"a chain", {{64, 0, 1, 0}, {64, 1, 2, 0}, {64, 2, 3, 0}, {64, 3, 4, 0}}, 4, 128},
      {"a skip connection over a chain", {{64, 0, 5, 0}, {128, 1, 2, 0}, {128, 2, 3, 0}, {64, 4, 5, 0}}, 4, 320},
      {"all at once", {{1, 0, 9, 0}, {1, 0, 9, 0}, {1, 0, 9, 0}}, 3, 192},
      {"two small ones in the place of a large one", {{128, 0, 1, 0}, {64, 2, 3, 0}, {64, 2, 3, 0}}, 3, 128},
      {"touching at one moment only", {{64, 0, 2, 0}, {64, 2, 4, 0}}, 2, 128},
  };
  for (size_t i = 0; i < COUNT(cases); i++) {
    plan_item items[5];
    memcpy(items, cases[i].items, sizeof items);
    plan_result result;
    assert_int_equal(plan_place(items, cases[i].count, 64, &result, NULL), MOTE_OK);
    if (result.peak_bytes != cases[i].peak || result.bound_bytes != cases[i].peak)
      fail_msg("%s: peak %zu, bound %zu, expected %zu", cases[i].name, result.peak_bytes, result.bound_bytes,
               cases[i].peak);
  }
}

static void no_items_need_no_memory(void **unused) {
  (void)unused;
  plan_result result = {1, 1};
  assert_int_equal(plan_place(NULL, 0, 64, &result, NULL), MOTE_OK);
  assert_int_equal(result.peak_bytes, 0);
  assert_int_equal(result.bound_bytes, 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(items_that_live_at_the_same_time_share_no_byte),
      cmocka_unit_test(the_bound_is_the_most_that_is_alive_and_no_peak_is_below_it),
      cmocka_unit_test(the_same_items_are_placed_the_same_way_twice),
      cmocka_unit_test(small_sets_are_placed_without_any_waste),
      cmocka_unit_test(no_items_need_no_memory),
  };
  return cmocka_run_group_tests_name("plan", tests, NULL, NULL);
}
