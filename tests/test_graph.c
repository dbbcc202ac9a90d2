// test_graph.c: a node's room for inputs, attributes and outputs is checked, and its outputs have names of their own.
#include "tests/support.h"

#include "graph/ir/graph.h"

static graph *made;
static const op any_op = {.name = "any"};

static int make_graph(void **state) {
  (void)state;
  made = graph_create(NULL);
  return made ? 0 : -1;
}

static int destroy_graph(void **state) {
  (void)state;
  graph_destroy(&made);
  return 0;
}

static tensor *input(void) { return graph_input(made, "input", (shape){1, 8, 1, 1}, ROLE_ACTIVATION); }

static void assert_failed(const char *message) {
  assert_int_equal(made->status, MOTE_ERROR_USAGE);
  assert_string_equal(made->error.message, message);
}

static void as_many_inputs_and_attributes_as_there_is_room_for(void **state) {
  (void)state;
  tensor *inputs[MAX_INPUTS];
  for (int i = 0; i < MAX_INPUTS; i++) inputs[i] = input();
  const char attributes[ATTRIBUTE_BYTES] = {[ATTRIBUTE_BYTES - 1] = 7};
  node *node = graph_append(made, &any_op, inputs, MAX_INPUTS, 0, attributes, sizeof attributes);
  assert_non_null(node);
  assert_ptr_equal(node->inputs[MAX_INPUTS - 1], inputs[MAX_INPUTS - 1]);
  assert_int_equal(node->attributes[ATTRIBUTE_BYTES - 1], 7);
}

static void more_inputs_are_an_error(void **state) {
  (void)state;
  tensor *inputs[MAX_INPUTS + 1];
  for (int i = 0; i <= MAX_INPUTS; i++) inputs[i] = input();
  assert_null(graph_append(made, &any_op, inputs, MAX_INPUTS + 1, 0, NULL, 0));
  assert_failed("any: 33 inputs and 0 bytes of attributes, at most 32 and 64");
}

static void more_attributes_are_an_error(void **state) {
  (void)state;
  tensor *x = input();
  const char attributes[ATTRIBUTE_BYTES + 1] = {0};
  assert_null(graph_append(made, &any_op, &x, 1, 0, attributes, sizeof attributes));
  assert_failed("any: 1 inputs and 65 bytes of attributes, at most 32 and 64");
}

static void every_output_has_a_name_of_its_own(void **state) {
  (void)state;
  tensor *x = input();
  node *node = graph_append(made, &any_op, &x, 1, 0, NULL, 0);
  for (int i = 0; i < MAX_OUTPUTS; i++) assert_non_null(node_output(made, node, x->shape, x->role));
  assert_string_equal(node->outputs[0]->name, "any:any");
  assert_string_equal(node->outputs[1]->name, "any:any1");
  assert_string_equal(node->outputs[10]->name, "any:any10");
  assert_string_equal(node->outputs[31]->name, "any:any31");
  assert_null(node_output(made, node, x->shape, x->role));
  assert_failed("any: more than 32 outputs");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(as_many_inputs_and_attributes_as_there_is_room_for, make_graph, destroy_graph),
      cmocka_unit_test_setup_teardown(more_inputs_are_an_error, make_graph, destroy_graph),
      cmocka_unit_test_setup_teardown(more_attributes_are_an_error, make_graph, destroy_graph),
      cmocka_unit_test_setup_teardown(every_output_has_a_name_of_its_own, make_graph, destroy_graph),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
