// test_kernels.c: what kernels may ask for: packed copies of weights, tensors stored in half precision.
#include "graph/compile/program.h"
#include "graph/ir/half.h"
#include "graph/ir/layout.h"
#include "graph/kernels/kernel.h"
#include "graph/kernels/packing.h"
#include "graph/ops/ops.h"
#include "shaders/add.h"
#include "shaders/types.h"
#include "tests/support.h"

enum { VALUES = 64 };

static mote_status add_launch(launches *to, tensor *a, tensor *b, tensor *sum, uint32_t wasted, mote_error *error) {
  struct add_parameters push = {.quads = VALUES / 4, .scale = 1};
  launch launch = {.shader = "add", .bindings = {a, b, sum}, .binding_count = 3, .push = &push, .push_bytes = sizeof push};
  spread((uint64_t)push.quads * wasted, PLAIN_LOCAL_SIZE, launch.groups);
  return launches_add(to, &launch, error);
}

// ---------------------------------------------------------------------------------------------------------------------
// Ops of the test's own: y = x + 2 w, by a packed copy that is 2 w, and w = 2 w

static int count_of_doubled(const tensor *weight) { return (int)(tensor_bytes(weight) / 4); }

static mote_status launch_doubled(tensor *weight, tensor *copy, launches *to, mote_error *error) {
  return add_launch(to, weight, weight, copy, 1, error);
}

static const packing doubled = {"doubled", count_of_doubled, launch_doubled};

static mote_status launch_packed(const node *node, launches *to, mote_error *error) {
  tensor *copy;
  TRY(launches_pack(to, node->inputs[1], &doubled, &copy, error));
  return add_launch(to, node->inputs[0], copy, node->outputs[0], 1, error);
}

static mote_status launch_slow(const node *node, launches *to, mote_error *error) {
  TRY(add_launch(to, node->inputs[0], node->inputs[1], node->outputs[0], 1, error));
  return add_launch(to, node->outputs[0], node->inputs[1], node->outputs[0], 60000, error);
}

static mote_status launch_doubling(const node *node, launches *to, mote_error *error) {
  return add_launch(to, node->inputs[0], node->inputs[0], node->inputs[0], 1, error);
}

static const op packed_op = {.name = "packed", .kernels = ONE_KERNEL("packed", launch_packed)};
static const op either_op = {.name = "either", .kernels = KERNELS({"slow", MOTE_KERNELS_PLAIN, NULL, launch_slow},
                                                                  {"packed", MOTE_KERNELS_PLAIN, NULL, launch_packed})};
static const op doubling_op = {.name = "doubling", .kernels = ONE_KERNEL("doubling", launch_doubling), .writes = 1};

// A program of two nodes of `op`, of one weight.
typedef struct rig {
  mote_device *device;
  buffer *weights;
  program *program;
  tensor *x, *y[2];
} rig;

static void write_weights(const rig *rig, float value) {
  mote_error error = {0};
  float values[VALUES];
  for (int i = 0; i < VALUES; i++) values[i] = value;
  MUST(buffer_upload(rig->weights, 0, values, sizeof values, &error));
}

static rig make_rig(const op *op, mote_tune tune, bool learns, bool written_between) {
  static const parameter_desc desc = {.role = PARAMETER_WEIGHT, .dim_count = 2, .dims = {8, 8}};
  mote_error error = {0};
  rig made = {.device = test_device((mote_device_desc){.tune = tune})};
  graph *graph = graph_create(device_get_caps(made.device));
  graph->train = learns;
  MUST(buffer_create(made.device, VALUES * sizeof(float), "weights", &made.weights, &error));
  made.x = graph_input(graph, "x", (shape){1, 8, 8, 1}, ROLE_ACTIVATION);
  tensor *weight = graph_parameter(graph, "weight", &desc);
  weight->home = (binding){made.weights, 0, VALUES * sizeof(float)};
  for (int i = 0; i < 2; i++) {
    node *node = graph_append(graph, op, (tensor *[]){made.x, weight}, 2, 0, NULL, 0);
    made.y[i] = node_output(graph, node, made.x->shape, ROLE_ACTIVATION);
    made.y[i]->keep = true;
    if (written_between && i == 0) assert_non_null(graph_append(graph, &doubling_op, &weight, 1, 0, NULL, 0));
  }
  MUST(program_create(&(program_desc){.device = made.device, .graph = graph, .name = "packing"}, &made.program, &error));
  float x[VALUES];
  for (int i = 0; i < VALUES; i++) x[i] = (float)i;
  MUST(program_write(made.program, made.x, x, &error));
  write_weights(&made, 1);
  return made;
}

static void finish(rig *rig) {
  program_destroy(&rig->program);
  buffer_destroy(&rig->weights);
  test_device_end(&rig->device);
}

// After a step, y[which] = x + twice.
static void expect_y(const rig *rig, int which, float twice) {
  mote_error error = {0};
  float x[VALUES], y[VALUES];
  MUST(program_read(rig->program, rig->x, x, &error));
  MUST(program_read(rig->program, rig->y[which], y, &error));
  for (int i = 0; i < VALUES; i++) assert_true(y[i] == x[i] + twice);
}

static void run(const rig *rig, stage stage) {
  mote_error error = {0};
  MUST(program_run(rig->program, SEQUENCE(stage), 1, &error));
}

static void expect_counts(const rig *rig, int prepare, int step) {
  assert_int_equal(program_dispatch_count(rig->program, SEQUENCE(STAGE_PREPARE)), prepare);
  assert_int_equal(program_dispatch_count(rig->program, SEQUENCE(STAGE_STEP)), step);
}

static void a_weight_that_does_not_learn_is_packed_when_weights_have_changed(void **state) {
  (void)state;
  rig rig = make_rig(&packed_op, MOTE_TUNE_OFF, false, false);
  expect_counts(&rig, 1, 2);
  run(&rig, STAGE_PREPARE);
  for (int step = 0; step < 2; step++) {
    run(&rig, STAGE_STEP);
    expect_y(&rig, 0, 2);
    expect_y(&rig, 1, 2);
    write_weights(&rig, 3);  // which the copy does not know
  }
  run(&rig, STAGE_PREPARE);
  run(&rig, STAGE_STEP);
  expect_y(&rig, 0, 6);
  expect_y(&rig, 1, 6);
  finish(&rig);
}

static void a_weight_that_learns_is_packed_in_each_step(void **state) {
  (void)state;
  rig rig = make_rig(&packed_op, MOTE_TUNE_OFF, true, false);
  expect_counts(&rig, 0, 3);
  for (int step = 1; step < 4; step++) {
    write_weights(&rig, (float)step);
    run(&rig, STAGE_STEP);
    expect_y(&rig, 0, 2 * (float)step);
    expect_y(&rig, 1, 2 * (float)step);
  }
  finish(&rig);
}

static void a_weight_that_a_node_writes_is_packed_again(void **state) {
  (void)state;
  rig rig = make_rig(&packed_op, MOTE_TUNE_OFF, true, true);
  expect_counts(&rig, 0, 5);
  run(&rig, STAGE_STEP);
  expect_y(&rig, 0, 2);
  expect_y(&rig, 1, 4);
  finish(&rig);
}

static void the_tuner_makes_copies_and_does_not_count_those_that_are_prepared(void **state) {
  (void)state;
  rig rig = make_rig(&either_op, MOTE_TUNE_FULL, false, false);
  expect_counts(&rig, 1, 2);
  run(&rig, STAGE_PREPARE);
  run(&rig, STAGE_STEP);
  expect_y(&rig, 1, 2);
  finish(&rig);
}

// The gradient of x through a convolution, whose weight lies in `weights`.
static rig make_convolution(bool frozen) {
  static const parameter_desc desc = {.role = PARAMETER_WEIGHT, .dim_count = 4, .dims = {8, 8, 1, 1}};
  static const parameter_desc vector = {.role = PARAMETER_VECTOR, .dim_count = 1, .dims = {8}};
  mote_error error = {0};
  rig made = {.device = test_device((mote_device_desc){0})};
  graph *graph = graph_create(device_get_caps(made.device));
  graph->train = true;
  graph->frozen = frozen;
  MUST(buffer_create(made.device, 2 * VALUES * sizeof(float), "weights", &made.weights, &error));
  made.x = graph_input(graph, "x", (shape){1, 8, 8, 1}, ROLE_ACTIVATION);
  made.x->requires_grad = true;
  tensor *weight = graph_parameter(graph, "weight", &desc), *bias = graph_parameter(graph, "bias", &vector);
  weight->home = (binding){made.weights, 0, VALUES * sizeof(float)};
  bias->home = (binding){made.weights, VALUES * sizeof(float), 8 * sizeof(float)};
  graph_note_loss(graph, conv(graph, made.x, weight, bias), made.x);
  MUST(passes_differentiate(graph, PASS_ALL, &error));
  made.y[0] = made.x->grad;
  made.y[0]->keep = true;
  for (int i = 0; i < graph->tensor_count; i++)  // those of the parameters lie nowhere
    if (graph->tensors[i]->kind == TENSOR_GRADIENT) graph->tensors[i]->kind = TENSOR_ACTIVATION;
  MUST(program_create(&(program_desc){.device = made.device, .graph = graph, .name = "gradient"}, &made.program, &error));
  float x[VALUES];
  for (int i = 0; i < VALUES; i++) x[i] = (float)i;
  MUST(program_write(made.program, made.x, x, &error));
  return made;
}

static void a_weight_that_does_not_learn_is_transposed_when_weights_have_changed(void **state) {
  (void)state;
  for (int frozen = 0; frozen < 2; frozen++) {
    mote_error error = {0};
    float numbers[VALUES], dx[VALUES];
    rig rig = make_convolution(frozen);
    assert_int_equal(program_dispatch_count(rig.program, SEQUENCE(STAGE_PREPARE)), frozen);
    for (int i = 0; i < VALUES; i++) numbers[i] = (float)(i % 7);
    tensor *weight = graph_find(program_graph(rig.program), "weight");
    float packed[VALUES];
    layout_pack(weight, numbers, packed);
    MUST(buffer_upload(rig.weights, 0, packed, sizeof packed, &error));
    run(&rig, STAGE_PREPARE);
    run(&rig, STAGE_STEP);
    write_weights(&rig, 1);
    run(&rig, STAGE_STEP);
    MUST(program_read(rig.program, rig.y[0], dx, &error));
    for (int c = 0; c < 8; c++) {
      double expected = 0;  // Σ over output channels, at the first pixel, whose x and dy are 8 o
      for (int o = 0; o < 8; o++) expected += 8 * o * (frozen ? (o * 8 + c) % 7 : 1);
      assert_true(dx[8 * c] == expected);
    }
    finish(&rig);
  }
}

// ---------------------------------------------------------------------------------------------------------------------
// Half precision: y = a + b

static const uint32_t add_halves_words[] = {
#include "add_halves.inc"
};

static mote_status launch_halves(const node *node, launches *to, mote_error *error) {
  const uint32_t count = (uint32_t)(tensor_bytes(node->outputs[0]) / 16);
  return launches_add(to,
                      &(launch){.shader = "add_halves",
                                .bindings = {node->inputs[0], node->inputs[1], node->outputs[0]},
                                .binding_count = 3,
                                .push = &count,
                                .push_bytes = sizeof count,
                                .groups = {(count + 63) / 64}},
                      error);
}

static mote_status launch_none(const node *node, launches *to, mote_error *error) {
  (void)node, (void)to, (void)error;
  return MOTE_ERROR_USAGE;
}

static const op halves_op = {.name = "halves", .kernels = KERNELS({"single", MOTE_KERNELS_PLAIN, NULL, launch_none},
                                                                  {"halves", MOTE_KERNELS_PLAIN, NULL, launch_halves, .stores_half = true})};
static const op singles_op = {.name = "singles", .kernels = ONE_KERNEL("single", launch_none)};

static graph *halves_graph(mote_device *device, const op *op, tensor_role role, tensor *parts[3]) {
  const shape shape = {3, 13, 3, 1};
  graph *graph = graph_create(device_get_caps(device));
  parts[0] = graph_input(graph, "a", shape, role);
  parts[1] = graph_input(graph, "b", shape, role);
  node *node = graph_append(graph, op, parts, 2, 0, NULL, 0);
  parts[2] = node_output(graph, node, shape, role);
  parts[2]->keep = true;
  for (int i = 0; i < 3; i++) {
    size_t whole = tensor_bytes(parts[i]);
    assert_int_equal(parts[i]->type, ELEMENT_F32);
    parts[i]->type = ELEMENT_F16;
    assert_int_equal(2 * tensor_bytes(parts[i]), whole);
  }
  return graph;
}

// 1/3 is rounded on the way there; all else, and the sums, are halves.
static void a_kernel_takes_and_makes_tensors_stored_in_half_precision(void **state) {
  (void)state;
  static const shader own = {"add_halves", add_halves_words, COUNT(add_halves_words)};
  enum { COUNT_A = 3 * 13 * 3 };
  mote_error error = {0};
  for (tensor_role role = ROLE_ACTIVATION; role <= ROLE_WEIGHT_TRANSPOSED; role++) {
    mote_device *device = test_device((mote_device_desc){.separate_buffers = true});
    device_set_shaders(device, &own, 1);
    tensor *parts[3];
    program *program;
    float a[COUNT_A], b[COUNT_A], read[COUNT_A];
    graph *graph = halves_graph(device, &halves_op, role, parts);
    MUST(program_create(&(program_desc){.device = device, .graph = graph, .name = "halves", .guard_bytes = 64}, &program, &error));
    for (int i = 0; i < COUNT_A; i++) a[i] = (float)(i - 50) / 8, b[i] = (float)(i * i % 97) / 4;
    a[50] = 1.0f / 3, b[50] = 0;
    MUST(program_write(program, parts[0], a, &error));
    MUST(program_write(program, parts[1], b, &error));
    MUST(program_run(program, SEQUENCE(STAGE_STEP), 1, &error));
    a[50] = half_to_float(half_from_float(a[50]));
    assert_true(a[50] != 1.0f / 3);
    MUST(program_read(program, parts[0], read, &error));
    assert_memory_equal(read, a, sizeof a);
    MUST(program_read(program, parts[2], read, &error));
    for (int i = 0; i < COUNT_A; i++) assert_true(read[i] == a[i] + b[i]);
    const char *overrun;
    MUST(program_check_guards(program, &overrun, &error));
    assert_null(overrun);
    program_destroy(&program);
    test_device_end(&device);
  }
}

static void an_op_without_a_kernel_for_halves_says_so(void **state) {
  (void)state;
  mote_error error = {0};
  mote_device *device = test_device((mote_device_desc){0});
  tensor *parts[3];
  program *program;
  graph *graph = halves_graph(device, &singles_op, ROLE_ACTIVATION, parts);
  assert_int_equal(program_create(&(program_desc){.device = device, .graph = graph, .name = "halves"}, &program, &error),
                   MOTE_ERROR_UNSUPPORTED);
  assert_contains(error.message, "no kernel of singles takes tensors that are stored so");
  test_device_end(&device);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_weight_that_does_not_learn_is_packed_when_weights_have_changed),
      cmocka_unit_test(a_weight_that_learns_is_packed_in_each_step),
      cmocka_unit_test(a_weight_that_a_node_writes_is_packed_again),
      cmocka_unit_test(the_tuner_makes_copies_and_does_not_count_those_that_are_prepared),
      cmocka_unit_test(a_weight_that_does_not_learn_is_transposed_when_weights_have_changed),
      cmocka_unit_test(a_kernel_takes_and_makes_tensors_stored_in_half_precision),
      cmocka_unit_test(an_op_without_a_kernel_for_halves_says_so),
  };
  return cmocka_run_group_tests_name("kernels", tests, NULL, NULL);
}
