// test_program.c: the stages of a program: each sees what earlier ones made, however often it is replayed.
#include "tests/support.h"

#include "graph/compile/program.h"
#include "graph/ops/ops.h"
#include "shaders/step.h"

enum { NUMBERS = 64 };

static mote_device *device;

static tensor *input(graph *graph, const char *name) {
  return graph_input(graph, name, (shape){1, NUMBERS, 1, 1}, ROLE_ACTIVATION);
}

static program *make(graph *graph) {
  mote_error error = {0};
  program *program;
  MUST(program_create(&(program_desc){.device = device, .graph = graph, .name = "stages", .without_passes = PASS_ALL}, &program,
                      &error));
  return program;
}

static void fill(program *program, tensor *to, float number) {
  mote_error error = {0};
  float numbers[NUMBERS];
  for (int i = 0; i < NUMBERS; i++) numbers[i] = number;
  MUST(program_write(program, to, numbers, &error));
}

// Sums of sums, more than one alive at a time, so that a stage has tensors of its own wherever there is room.
static tensor *sums(graph *graph, tensor *a, tensor *b) {
  tensor *x = add(graph, a, b, 1), *y = add(graph, x, b, 1), *z = add(graph, x, y, 1);
  return add(graph, z, x, 1);  // 3a + 4b
}

static void expect(program *program, sequence sequence, uint32_t repeat, const tensor *y, float number) {
  mote_error error = {0};
  float found[NUMBERS];
  MUST(program_run(program, sequence, repeat, &error));
  MUST(program_read(program, y, found, &error));
  for (int i = 0; i < NUMBERS; i++)
    if (found[i] != number) fail_msg("number %d is %g, expected %g", i, (double)found[i], (double)number);
}

static void a_stage_is_replayed_without_those_before_it(void **unused) {
  (void)unused;
  graph *graph = graph_create(device_get_caps(device));
  tensor *weight = input(graph, "weight"), *condition = input(graph, "condition"), *x = input(graph, "x");
  graph->stage = STAGE_STEP;  // nodes need not stand in the order of their stages
  tensor *before = sums(graph, x, x);
  graph->stage = STAGE_PREPARE;
  tensor *prepared = sums(graph, weight, weight), *folded = add(graph, prepared, weight, 1);
  graph->stage = STAGE_ONCE;
  tensor *once = sums(graph, condition, folded);
  graph->stage = STAGE_STEP;
  tensor *y = add(graph, sums(graph, sums(graph, before, once), folded), prepared, 1);
  y->keep = true;
  program *program = make(graph);
  fill(program, weight, 1);
  fill(program, condition, 2);
  fill(program, x, 3);
  // before 21, prepared 7, folded 8, once 38, y = 3 · (63 + 152) + 32 + 7
  expect(program, SEQUENCE(STAGE_PREPARE, STAGE_ONCE, STAGE_STEP), 1, y, 684);
  expect(program, SEQUENCE(STAGE_STEP), 3, y, 684);
  fill(program, condition, 4);  // once 44
  expect(program, SEQUENCE(STAGE_ONCE, STAGE_STEP), 2, y, 756);
  expect(program, SEQUENCE(STAGE_STEP), 1, y, 756);
  fill(program, weight, 2);  // prepared 14, folded 16, once 76
  expect(program, SEQUENCE_ALL, 1, y, 3 * (63 + 304) + 64 + 14);
  program_destroy(&program);
}

static void a_sequence_is_one_submission_of_all_its_stages(void **unused) {
  (void)unused;
  graph *graph = graph_create(device_get_caps(device));
  tensor *step = graph_input(graph, "step", (shape){1, STEP_WORDS, 1, 1}, ROLE_TABLE), *x = input(graph, "x");
  graph->stage = STAGE_GRADIENT;
  tensor *gradient = sums(graph, x, x);
  step_advance(graph, step);
  graph->stage = STAGE_UPDATE;
  tensor *y = sums(graph, gradient, x);
  y->keep = true;
  program *program = make(graph);
  mote_error error = {0};
  uint32_t words[STEP_WORDS] = {0};
  MUST(program_write(program, step, words, &error));
  fill(program, x, 1);
  const uint64_t before = mote_device_get_counters(device).submissions;
  MUST(program_run(program, SEQUENCE(STAGE_GRADIENT, STAGE_ONCE, STAGE_GRADIENT, STAGE_UPDATE), 3, &error));
  assert_int_equal(mote_device_get_counters(device).submissions - before, 1);
  MUST(program_run(program, SEQUENCE(STAGE_ONCE), 3, &error));  // has no nodes
  expect(program, SEQUENCE(STAGE_UPDATE), 1, y, 25);
  MUST(program_read(program, step, words, &error));
  assert_int_equal(words[STEP_INDEX], 6);
  assert_int_equal(program_dispatch_count(program, SEQUENCE(STAGE_UPDATE)), 4);
  assert_int_equal(program_dispatch_count(program, SEQUENCE_ALL), 9);
  assert_ptr_equal(program_get_node(program, SEQUENCE_ALL, 4), graph->nodes[4]);
  assert_ptr_equal(program_get_node(program, SEQUENCE(STAGE_UPDATE, STAGE_GRADIENT), 4), graph->nodes[0]);
  program_destroy(&program);
}

static void nothing_is_left_on_the_device_at_the_end(void **unused) {
  (void)unused;
  test_device_end(&device);
}

int main(void) {
  device = test_device((mote_device_desc){0});
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_stage_is_replayed_without_those_before_it),
      cmocka_unit_test(a_sequence_is_one_submission_of_all_its_stages),
      cmocka_unit_test(nothing_is_left_on_the_device_at_the_end),
  };
  return cmocka_run_group_tests_name("program", tests, NULL, NULL);
}
