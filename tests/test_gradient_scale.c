// test_gradient_scale.c: a loss says how small its gradients begin, and half precision multiplies them to about 1.
#include "tests/support.h"

#include "graph/compile/passes.h"
#include "graph/ops/gradient_ops.h"
#include "graph/ops/ops.h"

static graph *made;

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

static tensor *input(shape shape) { return graph_input(made, "input", shape, ROLE_ACTIVATION); }

// x → conv → y, both of one shape.
static tensor *convolve(shape shape) {
  tensor *weight = graph_parameter(
      made, "weight", &(parameter_desc){.role = PARAMETER_WEIGHT, .dim_count = 4, .dims = {shape.c, shape.c, 1, 1}});
  return conv(made, input(shape), weight, graph_parameter(
      made, "bias", &(parameter_desc){.role = PARAMETER_VECTOR, .dim_count = 1, .dims = {shape.c}}));
}

// What the weight's gradient multiplies dy by once the backward pass of `y` is there.
static double scale_of_backward(tensor *y, tensor *dy) {
  mote_error error;
  graph_note_loss(made, y, dy);
  assert_int_equal(passes_differentiate(made, PASS_DIFFERENTIATE, &error), MOTE_OK);
  assert_int_equal(made->status, MOTE_OK);
  for (int i = 0; i < made->node_count; i++)
    if (made->nodes[i]->op == &conv_weight_gradient_op) return *(const float *)(const void *)made->nodes[i]->attributes;
  fail_msg("there is no gradient of the weight");
  return 0;
}

static void assert_scaled_to_one(double share, double scale) {
  assert_true(scale == exp2(rint(log2(scale))));
  assert_true(share * scale >= 1 && share * scale < 2);
  assert_true(made->gradient_scale == 1);  // a backward pass leaves the graph as it was
}

static void without_a_loss_gradients_are_as_they_are(void **state) {
  (void)state;
  tensor *y = convolve((shape){4, 8, 4, 4});
  assert_true(scale_of_backward(y, input(y->shape)) == 1);
}

static void a_mean_over_all_elements(void **state) {
  (void)state;
  tensor *y = convolve((shape){100, 3, 16, 16}), *dy;
  assert_non_null(mse(made, y, input(y->shape), input((shape){100, 1, 1, 1}), 0.25f, &dy));
  assert_true(made->gradient_scale == 1);  // building a loss changes nothing but the list of nodes
  assert_scaled_to_one(0.25 / (100 * 3 * 16 * 16), scale_of_backward(y, dy));
}

static void a_mean_over_the_batch(void **state) {
  (void)state;
  tensor *y = convolve((shape){64, 5, 1, 1}), *dy;
  assert_non_null(cross_entropy(made, y, input(y->shape), 1, &dy));
  assert_scaled_to_one(1.0 / 64, scale_of_backward(y, dy));
}

static void two_losses_of_one_graph(void **state) {
  (void)state;
  tensor *y = convolve((shape){2, 8, 4, 4}), *dy, *other;
  assert_non_null(mse(made, y, input(y->shape), input((shape){2, 1, 1, 1}), 1, &dy));
  assert_non_null(mse(made, input(y->shape), input(y->shape), input((shape){2, 1, 1, 1}), 0x1p-10f, &other));
  assert_scaled_to_one(1.0 / (2 * 8 * 4 * 4), scale_of_backward(y, dy));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(without_a_loss_gradients_are_as_they_are, make_graph, destroy_graph),
      cmocka_unit_test_setup_teardown(a_mean_over_all_elements, make_graph, destroy_graph),
      cmocka_unit_test_setup_teardown(a_mean_over_the_batch, make_graph, destroy_graph),
      cmocka_unit_test_setup_teardown(two_losses_of_one_graph, make_graph, destroy_graph),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
