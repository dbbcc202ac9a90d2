// test_gradient_scale.c: a loss says how small its gradients begin, and half precision multiplies them to about 1.
#include "tests/support.h"

#include "graph/ops.h"

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

static tensor *input(shape shape) { return graph_input(made, "input", shape, LAYOUT_C8); }

static void assert_scaled_to_one(double share) {
  double scale = made->gradient_scale;
  assert_true(scale == exp2(rint(log2(scale))));
  assert_true(share * scale >= 1 && share * scale < 2);
}

static void without_a_loss_gradients_are_as_they_are(void **state) {
  (void)state;
  assert_true(made->gradient_scale == 1);
}

static void a_mean_over_all_elements(void **state) {
  (void)state;
  const shape images = {100, 3, 16, 16};
  tensor *dy;
  assert_non_null(mse(made, input(images), input(images), input((shape){100, 1, 1, 1}), 0.25f, &dy));
  assert_scaled_to_one(0.25 / (100 * 3 * 16 * 16));
}

static void a_mean_over_the_batch(void **state) {
  (void)state;
  const shape classes = {64, 5, 1, 1};
  tensor *dy;
  assert_non_null(cross_entropy(made, input(classes), input(classes), 1, &dy));
  assert_scaled_to_one(1.0 / 64);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(without_a_loss_gradients_are_as_they_are, make_graph, destroy_graph),
      cmocka_unit_test_setup_teardown(a_mean_over_all_elements, make_graph, destroy_graph),
      cmocka_unit_test_setup_teardown(a_mean_over_the_batch, make_graph, destroy_graph),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
