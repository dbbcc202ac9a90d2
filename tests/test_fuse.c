// test_fuse.c: rewrite rules make a network shorter and change its results by rounding only.
#include "tests/support.h"

#include "graph/model.h"
#include "graph/ops.h"
#include "graph/program.h"
#include "shaders/sampler_update.h"
#include "shaders/step.h"

enum { BATCH = 3, IMAGE = 3 * 8 * 8 };

static mote_device *device;
static mote_model *model;

static int open_device(void **state) {
  (void)state;
  device = test_device((mote_device_desc){0});
  model = test_model(device, SMALL_MODEL);
  return 0;
}

// One pass through the network without the rules `keep_unfused`; returns the dispatches of a step.
static uint32_t pass(bool train, unsigned keep_unfused, float *output) {
  mote_error error = {0};
  const mote_model_info *info = mote_model_get_info(model);
  graph *graph = graph_create(device_get_caps(device));
  const context_unet_inputs inputs = {.x = graph_input(graph, "x", (shape){BATCH, 3, 8, 8}, LAYOUT_C8),
                                      .time = graph_input(graph, "time", (shape){BATCH, 1, 1, 1}, LAYOUT_C8),
                                      .context = graph_input(graph, "context", (shape){BATCH, 5, 1, 1}, LAYOUT_C8),
                                      .train = train};
  tensor *y = context_unet(graph, info, &inputs);
  assert_non_null(y);
  y->keep = true;
  MUST(model_bind(model, graph, &error));
  program *program;
  MUST(program_create(
      &(program_desc){.device = device, .graph = graph, .name = "fuse", .keep_unfused = keep_unfused}, &program,
      &error));
  float *x = test_numbers(1, BATCH * IMAGE), *context = test_numbers(2, BATCH * 5);
  MUST(program_write(program, inputs.x, x, &error));
  MUST(program_write(program, inputs.time, (float[]){0.002f, 0.5f, 1}, &error));
  MUST(program_write(program, inputs.context, context, &error));
  MUST(program_run(program, PHASE_ONCE, 1, &error));
  MUST(program_run(program, PHASE_STEP, 1, &error));
  MUST(program_read(program, y, output, &error));
  uint32_t dispatches = program_get_info(program).commands[PHASE_STEP].dispatches;
  free(x);
  free(context);
  program_destroy(&program);
  for (int i = 0; i < BATCH * IMAGE; i++) assert_true(isfinite(output[i]));
  return dispatches;
}

static const struct {
  unsigned bit;
  const char *name;
} rules[] = {
    {FUSE_CONCAT, "concat"}, {FUSE_BATCH_NORM, "batch_norm"}, {FUSE_ACTIVATION, "activation"}, {FUSE_ADD, "add"},
    {FUSE_SCALE, "scale"},   {FUSE_POOL, "pool"},
}, training_rules[] = {
    {FUSE_CONCAT, "concat"}, {FUSE_ACTIVATION, "activation"}, {FUSE_ADD, "add"}, {FUSE_BIAS, "bias"}, {FUSE_TURN, "turn"},
    {FUSE_POOL, "pool"},
};

static void every_rule_keeps_the_results_up_to_rounding(void **state) {
  (void)state;
  float fused[BATCH * IMAGE], plain[BATCH * IMAGE];
  for (int train = 0; train < 2; train++) {
    pass(train, 0, fused);
    for (unsigned subset = 1; subset < 1u << COUNT(rules); subset++) {
      unsigned keep = 0;
      for (size_t i = 0; i < COUNT(rules); i++) keep |= subset >> i & 1 ? rules[i].bit : 0;
      pass(train, keep, plain);
      double apart = relative_error(plain, fused, BATCH * IMAGE);
      if (!(apart <= 1e-5)) fail_msg("without rules %u, train %d: %g apart", keep, train, apart);
    }
  }
}

// Whether convolutions take Winograd's kernel, which leaves a second input and a residual to dispatches of their own.
static bool keeps_apart(void) {
  const device_caps *caps = device_get_caps(device);
  return caps->kernels == MOTE_KERNELS_TEXEL && caps->subgroup_shuffle && caps->subgroup_size >= 8;
}

static void count_savings(void) {
  float output[BATCH * IMAGE];
  uint32_t all = pass(false, 0, output), none = pass(false, FUSE_ALL, output);
  assert_true(all < none);
  for (size_t i = 0; i < COUNT(rules); i++) {
    uint32_t without = pass(false, rules[i].bit, output), alone = pass(false, FUSE_ALL & ~rules[i].bit, output);
    if (rules[i].bit == FUSE_ADD && keeps_apart())
      assert_int_equal(without, all);
    else if (without <= all)
      fail_msg("%s: %u dispatches with it, %u without", rules[i].name, all, without);
    // On its own: add only has something to do where its conv is not followed by a norm that stands between, and scale
    // where no activation does.
    if (rules[i].bit != FUSE_ADD && rules[i].bit != FUSE_SCALE && alone >= none)
      fail_msg("%s alone: %u dispatches, %u without any", rules[i].name, alone, none);
  }
}

static void every_rule_saves_dispatches(void **state) {
  (void)state;
  count_savings();
}

static void every_rule_saves_dispatches_of_plain_kernels(void **state) {
  (void)state;
  mote_device *usual = device;
  mote_model *usual_model = model;
  device = test_device((mote_device_desc){.plain_kernels = true});
  model = test_model(device, SMALL_MODEL);
  count_savings();
  mote_model_destroy(&model);
  test_device_end(&device);
  device = usual;
  model = usual_model;
}

// Each variant of it takes a CPU driver long to make and MiB to keep.
static void a_pass_takes_one_variant_of_winograds_kernel_a_tile(void **state) {
  (void)state;
  mote_error error = {0};
  graph *graph = graph_create(device_get_caps(device));
  const context_unet_inputs inputs = {.x = graph_input(graph, "x", (shape){BATCH, 3, 8, 8}, LAYOUT_C8),
                                      .time = graph_input(graph, "time", (shape){BATCH, 1, 1, 1}, LAYOUT_C8),
                                      .context = graph_input(graph, "context", (shape){BATCH, 5, 1, 1}, LAYOUT_C8)};
  assert_non_null(context_unet(graph, mote_model_get_info(model), &inputs));
  MUST(model_bind(model, graph, &error));
  program *program;
  MUST(program_create(&(program_desc){.device = device, .graph = graph, .name = "variants"}, &program, &error));
  const step *found[8];
  int variants = 0, all = 0;
  for (int i = 0; i < program_dispatch_count(program, PHASE_STEP); i++) {
    const step *step = program_get_step(program, PHASE_STEP, i);
    if (strcmp(step->shader, "conv_winograd")) continue;
    all++;
    bool known = false;
    for (int k = 0; k < variants; k++)
      known |= !memcmp(found[k]->spec, step->spec, step->spec_count * sizeof *step->spec);
    assert_true(known || variants < (int)COUNT(found));
    if (!known) found[variants++] = step;
  }
  assert_int_equal(variants, keeps_apart() ? 2 : 0);  // for 8 x 8 and, with edges, 4 x 4 pixels
  assert_true(variants == 0 || all > 8);
  program_destroy(&program);
}

// One pass forward and backward without the rules `keep_unfused`; `gradients` receives the whole buffer, model->parameters
// wide. Returns the dispatches of a step.
static uint32_t gradient_pass(mote_device *on, mote_model *of, unsigned keep_unfused, float *gradients) {
  mote_error error = {0};
  size_t bytes = of->parameters.bytes;
  graph *graph = graph_create(device_get_caps(on));
  graph->train = true;
  const context_unet_inputs inputs = {.x = graph_input(graph, "x", (shape){BATCH, 3, 8, 8}, LAYOUT_C8),
                                      .time = graph_input(graph, "time", (shape){BATCH, 1, 1, 1}, LAYOUT_C8),
                                      .context = graph_input(graph, "context", (shape){BATCH, 5, 1, 1}, LAYOUT_C8),
                                      .train = true};
  tensor *target = graph_input(graph, "target", (shape){BATCH, 3, 8, 8}, LAYOUT_C8);
  tensor *weight = graph_input(graph, "weight", (shape){BATCH, 1, 1, 1}, LAYOUT_C8);
  tensor *y = context_unet(graph, mote_model_get_info(of), &inputs), *dy = NULL;
  assert_non_null(mse(graph, y, target, weight, 1, &dy));
  MUST(fuse(graph, FUSE_FORWARD & ~keep_unfused, &error));
  graph_backward(graph, y, dy);

  buffer *weights, *gradient_buffer;
  MUST(buffer_create(on, bytes, "weights", &weights, &error));  // a copy: running statistics move
  MUST(buffer_create(on, bytes, "gradients", &gradient_buffer, &error));
  MUST(buffer_copy(of->buffer, weights, bytes, 1, &error));
  memset(gradients, 0, bytes);
  MUST(buffer_upload(gradient_buffer, 0, gradients, bytes, &error));
  MUST(parameters_bind(&of->parameters, weights, gradient_buffer, graph, &error));
  program *program;
  MUST(program_create(&(program_desc){.device = on, .graph = graph, .name = "fuse", .keep_unfused = keep_unfused},
                      &program, &error));
  float *numbers = test_numbers(1, BATCH * IMAGE), *targets = test_numbers(3, BATCH * IMAGE);
  float *context = test_numbers(2, BATCH * 5);
  MUST(program_write(program, inputs.x, numbers, &error));
  MUST(program_write(program, target, targets, &error));
  MUST(program_write(program, inputs.time, (float[]){0.002f, 0.5f, 1}, &error));
  MUST(program_write(program, weight, (float[]){1, 0.5f, 2}, &error));
  MUST(program_write(program, inputs.context, context, &error));
  MUST(program_run(program, PHASE_STEP, 1, &error));
  MUST(buffer_download(gradient_buffer, 0, gradients, bytes, &error));
  uint32_t dispatches = program_get_info(program).commands[PHASE_STEP].dispatches;
  program_destroy(&program);
  buffer_destroy(&weights);
  buffer_destroy(&gradient_buffer);
  free(numbers);
  free(targets);
  free(context);
  return dispatches;
}

// The share of bias gradients in front of norms is rounding: a millionth of the whole.
static void compare_gradients(mote_device *on, mote_model *of) {
  size_t count = of->parameters.bytes / sizeof(float);
  float *fused = malloc(of->parameters.bytes), *plain = malloc(of->parameters.bytes);
  uint32_t all = gradient_pass(on, of, 0, fused);
  uint32_t none = gradient_pass(on, of, FUSE_ALL, plain);
  assert_true(all < none);
  assert_true(relative_error(fused, plain, count) <= 1e-5);
  for (size_t i = 0; i < COUNT(training_rules); i++) {
    uint32_t without = gradient_pass(on, of, training_rules[i].bit, plain);
    double apart = relative_error(plain, fused, count);
    if (!(apart <= 1e-5)) fail_msg("without %s: gradients %g apart", training_rules[i].name, apart);
    if (without <= all) fail_msg("%s: %u dispatches with it, %u without", training_rules[i].name, all, without);
    if (training_rules[i].bit == FUSE_TURN) assert_memory_equal(plain, fused, of->parameters.bytes);
  }
  free(fused);
  free(plain);
}

static void every_rule_keeps_the_gradients_and_saves_dispatches(void **state) {
  (void)state;
  compare_gradients(device, model);
}

static void rules_keep_the_gradients_of_plain_kernels(void **state) {
  (void)state;
  mote_device *plain = test_device((mote_device_desc){.plain_kernels = true, .separate_buffers = true});
  mote_model *its_model = test_model(plain, SMALL_MODEL);
  compare_gradients(plain, its_model);
  mote_model_destroy(&its_model);
  test_device_end(&plain);
}

// Not by a small number: nothing writes them.
static void a_bias_that_a_norm_takes_off_again_has_no_gradient(void **state) {
  (void)state;
  float *gradients = malloc(model->parameters.bytes);
  for (int kept = 0; kept < 2; kept++) {
    gradient_pass(device, model, kept ? FUSE_BIAS : 0, gradients);
    const tensor *bias = graph_find(model->parameters.list, "down1.model.0.conv1.0.bias");
    const tensor *free_bias = graph_find(model->parameters.list, "out.3.bias");
    assert_non_null(bias);
    assert_non_null(free_bias);
    double sum = 0;
    for (int i = 0; i < bias->shape.c; i++) sum += fabs((double)gradients[bias->home.offset / 4 + (size_t)i]);
    assert_true(kept ? sum > 0 : sum == 0);
    assert_true(fabs((double)gradients[free_bias->home.offset / 4]) > 1e-6);
  }
  free(gradients);
}

// Three replays of two denoising steps; returns the dispatches of one replay. `between`: something reads the index between
// update and advance.
static uint32_t denoise(bool between, unsigned keep_unfused, float *x_after, uint32_t *step_after) {
  mote_error error = {0};
  graph *graph = graph_create(device_get_caps(device));
  tensor *x = graph_input(graph, "x", (shape){BATCH, 3, 8, 8}, LAYOUT_C8);
  tensor *model = graph_input(graph, "model", (shape){BATCH, 3, 8, 8}, LAYOUT_C8);
  tensor *table = graph_input(graph, "table", (shape){6, ROW_WORDS, 1, 1}, LAYOUT_RAW);
  tensor *step = graph_input(graph, "step", (shape){1, STEP_WORDS, 1, 1}, LAYOUT_RAW);
  const sampler_tensors tensors = {.x = x, .model = model, .table = table, .step = step};
  for (int i = 0; i < 2; i++) {
    assert_true(sampler_update(graph, &tensors));
    if (between) assert_non_null(x0_limit(graph, &tensors, 0.9));
    assert_true(step_advance(graph, step));
  }
  program *program;
  MUST(program_create(&(program_desc){.device = device, .graph = graph, .name = "step", .keep_unfused = keep_unfused},
                      &program, &error));
  float *numbers = test_numbers(4, BATCH * IMAGE), *models = test_numbers(5, BATCH * IMAGE);
  float *rows = test_numbers(6, 6 * ROW_WORDS);
  const uint32_t words[STEP_WORDS] = {[STEP_SEED_LOW] = 3};
  MUST(program_write(program, x, numbers, &error));
  MUST(program_write(program, model, models, &error));
  MUST(program_write(program, table, rows, &error));
  MUST(program_write(program, step, words, &error));
  MUST(program_run(program, PHASE_STEP, 3, &error));
  MUST(program_read(program, x, x_after, &error));
  MUST(program_read(program, step, step_after, &error));
  uint32_t dispatches = program_get_info(program).commands[PHASE_STEP].dispatches;
  free(numbers);
  free(models);
  free(rows);
  program_destroy(&program);
  return dispatches;
}

static void an_update_that_advances_the_index_gives_the_same_bits(void **state) {
  (void)state;
  for (int between = 0; between < 2; between++) {
    float fused[BATCH * IMAGE], plain[BATCH * IMAGE];
    uint32_t fused_step[STEP_WORDS], plain_step[STEP_WORDS];
    uint32_t with = denoise(between, 0, fused, fused_step), without = denoise(between, FUSE_ADVANCE, plain, plain_step);
    assert_int_equal(with, between ? without : without - 2);
    assert_int_equal(fused_step[STEP_INDEX], 6);
    assert_memory_equal(fused_step, plain_step, sizeof plain_step);
    assert_memory_equal(fused, plain, sizeof plain);
  }
}

// Statistics of the batch cannot be folded into weights beforehand.
static void batch_norm_by_the_batchs_own_statistics_is_not_folded(void **state) {
  (void)state;
  float train[BATCH * IMAGE], eval[BATCH * IMAGE], unfolded[BATCH * IMAGE];
  uint32_t with = pass(true, 0, train), without = pass(true, FUSE_BATCH_NORM, unfolded);
  assert_int_equal(with, without);
  assert_memory_equal(unfolded, train, sizeof train);
  pass(false, 0, eval);
  assert_true(relative_error(train, eval, BATCH * IMAGE) > 0.01);
}

static void a_pass_gives_the_same_bits_twice(void **state) {
  (void)state;
  float first[BATCH * IMAGE], second[BATCH * IMAGE];
  pass(false, 0, first);
  pass(false, 0, second);
  assert_memory_equal(second, first, sizeof first);
}

// A tensor that the host reads must exist: rules may not swallow it.
static void a_tensor_that_is_read_is_not_fused_away(void **state) {
  (void)state;
  mote_error error = {0};
  graph *graph = graph_create(device_get_caps(device));
  tensor *x = graph_input(graph, "x", (shape){1, 8, 4, 4}, LAYOUT_C8);
  tensor *weight = graph_input(graph, "weight", (shape){8, 8, 1, 1}, LAYOUT_WEIGHT);
  tensor *bias = graph_input(graph, "bias", (shape){1, 8, 1, 1}, LAYOUT_C8);
  tensor *before = conv(graph, x, weight, bias), *after = relu(graph, before);
  before->keep = after->keep = true;
  program *program;
  MUST(program_create(&(program_desc){.device = device, .graph = graph, .name = "keep"}, &program, &error));
  assert_int_equal(program_get_info(program).commands[PHASE_STEP].dispatches, 2);
  float *numbers = test_numbers(9, 128), zeros[8] = {0}, identity[64] = {0}, read[128];
  for (int i = 0; i < 8; i++) identity[9 * i] = 1;
  MUST(program_write(program, x, numbers, &error));
  MUST(program_write(program, weight, identity, &error));
  MUST(program_write(program, bias, zeros, &error));
  MUST(program_run(program, PHASE_STEP, 1, &error));
  MUST(program_read(program, before, read, &error));
  assert_memory_equal(read, numbers, sizeof read);
  MUST(program_read(program, after, read, &error));
  for (int i = 0; i < 128; i++) assert_true(read[i] == (numbers[i] > 0 ? numbers[i] : 0));
  free(numbers);
  program_destroy(&program);
}

// Last, and a test: cmocka takes no notice of a group teardown that fails.
static void nothing_is_left_on_the_device_at_the_end(void **state) {
  (void)state;
  mote_model_destroy(&model);
  test_device_end(&device);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_rule_keeps_the_results_up_to_rounding),
      cmocka_unit_test(every_rule_saves_dispatches),
      cmocka_unit_test(every_rule_saves_dispatches_of_plain_kernels),
      cmocka_unit_test(a_pass_takes_one_variant_of_winograds_kernel_a_tile),
      cmocka_unit_test(every_rule_keeps_the_gradients_and_saves_dispatches),
      cmocka_unit_test(rules_keep_the_gradients_of_plain_kernels),
      cmocka_unit_test(a_bias_that_a_norm_takes_off_again_has_no_gradient),
      cmocka_unit_test(an_update_that_advances_the_index_gives_the_same_bits),
      cmocka_unit_test(batch_norm_by_the_batchs_own_statistics_is_not_folded),
      cmocka_unit_test(a_pass_gives_the_same_bits_twice),
      cmocka_unit_test(a_tensor_that_is_read_is_not_fused_away),
      cmocka_unit_test(nothing_is_left_on_the_device_at_the_end),
  };
  return cmocka_run_group_tests_name("fuse", tests, open_device, NULL);
}
