// test_passes.c: passes make a network shorter and change its results by rounding only.
#include "tests/support.h"

#include "graph/compile/program.h"
#include "graph/kernels/kernel.h"
#include "graph/nets/model.h"
#include "graph/ops/ops.h"
#include "shaders/add.h"
#include "shaders/sampler_update.h"
#include "shaders/step.h"
#include "shaders/train_state.h"

enum { BATCH = 3, IMAGE = 3 * 8 * 8 };

static mote_device *device;
static mote_model *model;

static int open_device(void **state) {
  (void)state;
  device = test_device((mote_device_desc){0});
  model = test_model(device, SMALL_MODEL);
  return 0;
}

// One pass through the network without the rules `without_passes`; returns the dispatches of a step.
static uint32_t pass(bool train, unsigned without_passes, float *output) {
  mote_error error = {0};
  const mote_model_info *info = mote_model_get_info(model);
  graph *graph = graph_create(device_get_caps(device));
  const network_inputs inputs = network_make_inputs(graph, &SMALL_MODEL, BATCH, train);
  tensor *y = network_build(graph, info, &inputs).y;
  assert_non_null(y);
  y->keep = true;
  MUST(model_bind(model, graph, &error));
  program *program;
  MUST(program_create(
      &(program_desc){.device = device, .graph = graph, .name = "passes", .without_passes = without_passes}, &program,
      &error));
  float *x = test_numbers(1, BATCH * IMAGE), *context = test_numbers(2, BATCH * 5);
  MUST(program_write(program, inputs.x, x, &error));
  MUST(program_write(program, inputs.time, (float[]){0.002f, 0.5f, 1}, &error));
  MUST(program_write(program, inputs.context, context, &error));
  MUST(program_run(program, SEQUENCE(STAGE_PREPARE, STAGE_ONCE, STAGE_STEP), 1, &error));
  MUST(program_read(program, y, output, &error));
  uint32_t dispatches = program_get_commands_info(program, SEQUENCE(STAGE_STEP)).dispatches;
  free(x);
  free(context);
  program_destroy(&program);
  for (int i = 0; i < BATCH * IMAGE; i++) assert_true(isfinite(output[i]));
  return dispatches;
}

static const unsigned rules[] = {PASS_SECOND, PASS_FOLD, PASS_ACTIVATION,   PASS_RESIDUAL,
                                 PASS_SCALE,  PASS_MEAN, PASS_JOIN_EARLIER, PASS_POOL};
static const unsigned training_rules[] = {PASS_SECOND, PASS_ACTIVATION,   PASS_RESIDUAL,   PASS_BIAS,           PASS_JOIN_WEIGHTS,
                                          PASS_SCALE,  PASS_JOIN_EARLIER, PASS_JOIN_LATER, PASS_JOIN_NEIGHBOUR, PASS_POOL};

// Those that tests of their own leave out.
static const unsigned other_rules = PASS_DIFFERENTIATE | PASS_EQUAL | PASS_ADVANCE | PASS_LOAD | PASS_TERM;

static const char *name_of(unsigned rule) {
#define PASS(name, when, apply) \
  if (rule == PASS_##name) return #name;
#include "graph/compile/passes.def"
#undef PASS
  return "several";
}

static void each_pass_is_left_out_by_some_test(void **state) {
  (void)state;
  unsigned left_out = other_rules;
  for (size_t i = 0; i < COUNT(rules); i++) left_out |= rules[i];
  for (size_t i = 0; i < COUNT(training_rules); i++) left_out |= training_rules[i];
  for (unsigned rule = 1; rule < PASS_ALL; rule <<= 1)
    if (!(left_out & rule)) fail_msg("%s: no test leaves it out", name_of(rule));
}

static void every_rule_keeps_the_results_up_to_rounding(void **state) {
  (void)state;
  float fused[BATCH * IMAGE], plain[BATCH * IMAGE];
  for (int train = 0; train < 2; train++) {
    pass(train, 0, fused);
    for (unsigned subset = 1; subset < 1u << COUNT(rules); subset++) {
      unsigned keep = 0;
      for (size_t i = 0; i < COUNT(rules); i++) keep |= subset >> i & 1 ? rules[i] : 0;
      pass(train, keep, plain);
      double apart = relative_error(plain, fused, BATCH * IMAGE);
      if (!(apart <= 1e-5)) fail_msg("without rules %u, train %d: %g apart", keep, train, apart);
    }
  }
}

static void count_savings(void) {
  float output[BATCH * IMAGE];
  uint32_t all = pass(false, 0, output), none = pass(false, PASS_ALL, output);
  assert_true(all < none);
  for (size_t i = 0; i < COUNT(rules); i++) {
    if (rules[i] == PASS_POOL) continue;  // in training only
    uint32_t without = pass(false, rules[i], output), alone = pass(false, PASS_ALL & ~rules[i], output);
    if (without <= all)
      fail_msg("%s: %u dispatches with it, %u without", name_of(rules[i]), all, without);
    // On its own: add only has something to do where its conv is not followed by a norm that stands between, and scale
    // where no activation does.
    if (rules[i] != PASS_RESIDUAL && rules[i] != PASS_SCALE && alone >= none)
      fail_msg("%s alone: %u dispatches, %u without any", name_of(rules[i]), alone, none);
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

// Whether convolutions take Winograd's kernel.
static bool takes_winograd(void) {
  const device_caps *caps = device_get_caps(device);
  return caps->kernels == MOTE_KERNELS_TEXEL && caps->subgroup_shuffle && caps->subgroup_size >= 8;
}

// Each variant of it takes a CPU driver long to make and MiB to keep.
static void a_pass_takes_three_variants_of_winograds_kernel(void **state) {
  (void)state;
  mote_error error = {0};
  graph *graph = graph_create(device_get_caps(device));
  const network_inputs inputs = network_make_inputs(graph, &SMALL_MODEL, BATCH, false);
  assert_non_null(network_build(graph, mote_model_get_info(model), &inputs).y);
  MUST(model_bind(model, graph, &error));
  program *program;
  MUST(program_create(&(program_desc){.device = device, .graph = graph, .name = "variants"}, &program, &error));
  const launch *found[8];
  int variants = 0, all = 0;
  for (int i = 0; i < program_dispatch_count(program, SEQUENCE(STAGE_STEP)); i++) {
    const launch *launch = program_get_launch(program, SEQUENCE(STAGE_STEP), i);
    if (strcmp(launch->shader, "conv_winograd")) continue;
    all++;
    bool known = false;
    for (int k = 0; k < variants; k++)
      known |= !memcmp(found[k]->spec, launch->spec, launch->spec_count * sizeof *launch->spec);
    assert_true(known || variants < (int)COUNT(found));
    if (!known) found[variants++] = launch;
  }
  assert_int_equal(variants, takes_winograd() ? 3 : 0);  // with GELU for 8 x 8 and, with edges, 4 x 4 pixels; without
  assert_true(variants == 0 || all > 8);
  program_destroy(&program);
}

// The kernels that gradient_pass takes once passes have joined nodes for those that they saw; NULL: those.
static const char *kernels_after;

// One pass forward and backward without the rules `without_passes`; `gradients` receives the whole buffer, model->parameters
// wide.
static program_info gradient_pass(mote_device *on, mote_model *of, unsigned without_passes, float *gradients) {
  mote_error error = {0};
  size_t bytes = of->parameters.bytes;
  graph *graph = graph_create(device_get_caps(on));
  graph->train = true;
  const network_inputs inputs = network_make_inputs(graph, &SMALL_MODEL, BATCH, true);
  tensor *target = graph_input(graph, "target", (shape){BATCH, 3, 8, 8}, ROLE_ACTIVATION);
  tensor *weight = graph_input(graph, "weight", (shape){BATCH, 1, 1, 1}, ROLE_ACTIVATION);
  tensor *y = network_build(graph, mote_model_get_info(of), &inputs).y, *dy = NULL;
  assert_non_null(mse(graph, y, target, weight, 1, &dy));
  graph_note_loss(graph, y, dy);
  MUST(passes_differentiate(graph, PASS_ALL & ~without_passes, &error));

  buffer *weights, *gradient_buffer;
  MUST(buffer_create(on, bytes, "weights", &weights, &error));  // a copy: running statistics move
  MUST(buffer_create(on, bytes, "gradients", &gradient_buffer, &error));
  MUST(buffer_copy(of->buffer, weights, bytes, 1, &error));
  memset(gradients, 0, bytes);
  MUST(buffer_upload(gradient_buffer, 0, gradients, bytes, &error));
  MUST(parameters_bind(&of->parameters, weights, gradient_buffer, graph, &error));
  if (kernels_after) {
    MUST(passes_apply(graph, PASS_ALL & ~without_passes, &error));
    without_passes = PASS_ALL;
    device_prefer_kernels(on, kernels_after);
  }
  program *program;
  MUST(program_create(&(program_desc){.device = on, .graph = graph, .name = "passes", .without_passes = without_passes},
                      &program, &error));
  float *numbers = test_numbers(1, BATCH * IMAGE), *targets = test_numbers(3, BATCH * IMAGE);
  float *context = test_numbers(2, BATCH * 5);
  MUST(program_write(program, inputs.x, numbers, &error));
  MUST(program_write(program, target, targets, &error));
  MUST(program_write(program, inputs.time, (float[]){0.002f, 0.5f, 1}, &error));
  MUST(program_write(program, weight, (float[]){1, 0.5f, 2}, &error));
  MUST(program_write(program, inputs.context, context, &error));
  MUST(program_run(program, SEQUENCE(STAGE_STEP), 1, &error));
  MUST(buffer_download(gradient_buffer, 0, gradients, bytes, &error));
  device_prefer_kernels(on, NULL);
  program_info info = program_get_info(program);
  program_destroy(&program);
  buffer_destroy(&weights);
  buffer_destroy(&gradient_buffer);
  free(numbers);
  free(targets);
  free(context);
  return info;
}

// Only the kernel for CPU drivers takes several layers.
static bool has_work(unsigned rule, mote_device *on) {
  return rule != PASS_JOIN_LATER || device_get_caps(on)->kernels == MOTE_KERNELS_TEXEL;
}

// The share of bias gradients in front of norms is rounding: a millionth of the whole.
static void compare_gradients(mote_device *on, mote_model *of) {
  size_t count = of->parameters.bytes / sizeof(float);
  float *fused = malloc(of->parameters.bytes), *plain = malloc(of->parameters.bytes);
  program_info all = gradient_pass(on, of, 0, fused), none = gradient_pass(on, of, PASS_ALL & ~PASS_DIFFERENTIATE, plain);
  assert_true(all.commands.dispatches < none.commands.dispatches);
  assert_true(relative_error(fused, plain, count) <= 1e-5);
  for (size_t i = 0; i < COUNT(training_rules); i++) {
    unsigned rule = training_rules[i];
    program_info without = gradient_pass(on, of, rule, plain);
    uint32_t fewer = all.commands.dispatches, more = without.commands.dispatches;
    double apart = relative_error(plain, fused, count);
    if (!(apart <= 1e-5)) fail_msg("without %s: gradients %g apart", name_of(training_rules[i]), apart);
    if (has_work(rule, on) ? more <= fewer : more != fewer)
      fail_msg("%s: %u dispatches with it, %u without", name_of(training_rules[i]), fewer, more);
    if (!(rule & (PASS_JOIN_WEIGHTS | PASS_JOIN_EARLIER | PASS_JOIN_LATER | PASS_JOIN_NEIGHBOUR))) continue;
    assert_memory_equal(plain, fused, of->parameters.bytes);
    if (rule & (PASS_JOIN_LATER | PASS_JOIN_NEIGHBOUR)) assert_true(all.activations.bound_bytes <= without.activations.bound_bytes);
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

// A kernel that serves several layers has the plain one beside it, which does them one after the other.
static void the_plain_kernel_does_what_another_does_for_several_layers(void **state) {
  (void)state;
  float *joined = malloc(model->parameters.bytes), *apart = malloc(model->parameters.bytes);
  program_info all = gradient_pass(device, model, 0, joined);
  kernels_after = "conv_weight_gradient";
  program_info plain = gradient_pass(device, model, 0, apart);
  kernels_after = NULL;
  if (has_work(PASS_JOIN_LATER, device)) assert_true(plain.commands.dispatches > all.commands.dispatches);
  assert_true(relative_error(apart, joined, model->parameters.bytes / sizeof(float)) <= 1e-5);
  free(joined);
  free(apart);
}

// Not by a small number: nothing writes them.
static void a_bias_that_a_norm_takes_off_again_has_no_gradient(void **state) {
  (void)state;
  float *gradients = malloc(model->parameters.bytes);
  for (int kept = 0; kept < 2; kept++) {
    gradient_pass(device, model, kept ? PASS_BIAS : 0, gradients);
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

// dx of Σ y, y a max_pool behind a batch_norm of 8 channels of 4 × 4 equal numbers.
static void tied_pass(mote_device *on, bool early, unsigned without_passes, float y_after[32], float *gradient) {
  mote_error error = {0};
  graph *graph = graph_create(device_get_caps(on));
  graph->train = true;
  tensor *x = graph_input(graph, "x", (shape){1, 8, 4, 4}, ROLE_ACTIVATION), *vectors[4];
  for (int i = 0; i < 4; i++) vectors[i] = graph_input(graph, (char[]){(char)('a' + i), 0}, (shape){1, 8, 1, 1}, ROLE_ACTIVATION);
  x->requires_grad = true;
  const batch_norm_tensors tensors = {vectors[0], vectors[1], vectors[2], vectors[3]};
  tensor *y = max_pool(graph, batch_norm(graph, x, &tensors, true));
  y->keep = true;
  tensor *seed = graph_input(graph, "seed", (shape){1, 8, 2, 2}, ROLE_ACTIVATION);
  graph_note_loss(graph, y, seed);
  if (early) MUST(passes_differentiate(graph, PASS_ALL & ~without_passes, &error));
  if (x->grad) x->grad->keep = true;
  program *program;
  MUST(program_create(&(program_desc){.device = on, .graph = graph, .name = "tied", .without_passes = without_passes},
                      &program, &error));
  float ones[128];
  for (int i = 0; i < 128; i++) ones[i] = 1;
  MUST(program_write(program, x, ones, &error));
  MUST(program_write(program, seed, ones, &error));
  for (int i = 0; i < 4; i++) MUST(program_write(program, vectors[i], ones, &error));
  MUST(program_run(program, SEQUENCE(STAGE_STEP), 1, &error));
  MUST(program_read(program, y, y_after, &error));
  assert_true(!x->grad == !!(without_passes & PASS_DIFFERENTIATE));
  if (x->grad) MUST(program_read(program, x->grad, gradient, &error));
  program_destroy(&program);
}

// The variance is 0, so r is 1/√1e-5; a quarter of the pixels take a gradient of 1.
static void of_equal_pixels_the_first_takes_the_gradient_of_the_pool(void **state) {
  (void)state;
  for (int kept = 0; kept < 2; kept++) {
    float y[32], gradient[128];
    tied_pass(device, true, kept ? PASS_POOL : 0, y, gradient);
    for (int i = 0; i < 128; i++) {
      double expected = ((i % 2 == 0 && i / 4 % 2 == 0) - 0.25) / sqrt(1e-5);
      assert_true(fabs((double)gradient[i] - expected) < 1e-2);
    }
  }
}

// Nothing is aliased there, so that the gradient can be read after the program has made it by itself.
static void differentiation_is_a_pass(void **state) {
  (void)state;
  mote_device *apart = test_device((mote_device_desc){.separate_buffers = true});
  float y[3][32], gradients[2][128];
  for (int early = 0; early < 2; early++) {
    tied_pass(apart, early, 0, y[early], gradients[early]);
    tied_pass(apart, early, PASS_DIFFERENTIATE, y[2], NULL);
    assert_true(relative_error(y[2], y[early], 32) <= 1e-5);
  }
  assert_memory_equal(gradients[0], gradients[1], sizeof gradients[0]);
  assert_memory_equal(y[0], y[1], sizeof y[0]);
  test_device_end(&apart);
}

// Three replays of two denoising steps; returns the dispatches of one replay. `between`: something reads the index between
// update and advance.
static uint32_t denoise(bool between, unsigned without_passes, float *x_after, uint32_t *step_after) {
  mote_error error = {0};
  graph *graph = graph_create(device_get_caps(device));
  tensor *x = graph_input(graph, "x", (shape){BATCH, 3, 8, 8}, ROLE_ACTIVATION);
  tensor *model = graph_input(graph, "model", (shape){BATCH, 3, 8, 8}, ROLE_ACTIVATION);
  tensor *table = graph_input(graph, "table", (shape){6, ROW_WORDS, 1, 1}, ROLE_TABLE);
  tensor *step = graph_input(graph, "step", (shape){1, STEP_WORDS, 1, 1}, ROLE_TABLE);
  const sampler_tensors tensors = {.x = x, .model = model, .table = table, .step = step};
  for (int i = 0; i < 2; i++) {
    assert_true(sampler_update(graph, &tensors));
    if (between) assert_non_null(x0_limit(graph, &tensors, 0.9, 0));
    assert_true(step_advance(graph, step));
  }
  program *program;
  MUST(program_create(&(program_desc){.device = device, .graph = graph, .name = "step", .without_passes = without_passes},
                      &program, &error));
  float *numbers = test_numbers(4, BATCH * IMAGE), *models = test_numbers(5, BATCH * IMAGE);
  float *rows = test_numbers(6, 6 * ROW_WORDS);
  const uint32_t words[STEP_WORDS] = {[STEP_SEED_LOW] = 3};
  MUST(program_write(program, x, numbers, &error));
  MUST(program_write(program, model, models, &error));
  MUST(program_write(program, table, rows, &error));
  MUST(program_write(program, step, words, &error));
  MUST(program_run(program, SEQUENCE(STAGE_STEP), 3, &error));
  MUST(program_read(program, x, x_after, &error));
  MUST(program_read(program, step, step_after, &error));
  uint32_t dispatches = program_get_commands_info(program, SEQUENCE(STAGE_STEP)).dispatches;
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
    uint32_t with = denoise(between, 0, fused, fused_step), without = denoise(between, PASS_ADVANCE, plain, plain_step);
    assert_int_equal(with, between ? without : without - 2);
    assert_int_equal(fused_step[STEP_INDEX], 6);
    assert_memory_equal(fused_step, plain_step, sizeof plain_step);
    assert_memory_equal(fused, plain, sizeof plain);
  }
}

// Two steps of mse, or cross_entropy, and train_control; returns the dispatches of one.
static uint32_t control(bool classes, bool in_parts, float ring[TRAIN_RING], uint32_t words[TRAIN_WORDS]) {
  mote_error error = {0};
  enum { IMAGES = 21, CLASSES = 16, FLAT = 5000 };
  graph *graph = graph_create(device_get_caps(device));
  tensor *x = graph_input(graph, "x", (shape){IMAGES, CLASSES, 1, 1}, ROLE_ACTIVATION), *dx;
  tensor *target = graph_input(graph, "target", x->shape, ROLE_ACTIVATION);
  tensor *weight = graph_input(graph, "weight", (shape){IMAGES, 1, 1, 1}, ROLE_ACTIVATION);
  tensor *flat = graph_input(graph, "flat", (shape){1, FLAT, 1, 1}, ROLE_TABLE);
  tensor *state = graph_input(graph, "state", (shape){1, TRAIN_WORDS, 1, 1}, ROLE_TABLE);
  tensor *kept = graph_input(graph, "ring", (shape){1, TRAIN_RING, 1, 1}, ROLE_TABLE);
  tensor *loss = classes ? cross_entropy(graph, x, target, 0.5f, &dx) : mse(graph, x, target, weight, 0.5f, &dx);
  assert_true(train_control(graph, &(train_control_desc){.gradients = flat, .weights = flat, .loss = in_parts ? loss_parts(loss) : loss,
                                                         .loss_share = in_parts ? loss_share(loss->producer) : 1, .state = state,
                                                         .ring = kept, .learning_rate = 1, .beta1 = 0.9f, .beta2 = 0.9f}));
  program *program;
  MUST(program_create(&(program_desc){.device = device, .graph = graph, .name = "loss"},
                      &program, &error));
  float *numbers = test_numbers(8, FLAT);
  memset(words, 0, TRAIN_WORDS * sizeof *words);
  memset(ring, 0, TRAIN_RING * sizeof *ring);
  words[TRAIN_BETA1_POWER] = words[TRAIN_BETA2_POWER] = 0x3f800000;  // 1.0f
  tensor *const filled[] = {x, weight, flat};
  for (size_t i = 0; i < COUNT(filled); i++) MUST(program_write(program, filled[i], numbers, &error));
  MUST(program_write(program, target, numbers + IMAGES * CLASSES, &error));
  MUST(program_write(program, kept, ring, &error));
  MUST(program_write(program, state, words, &error));
  MUST(program_run(program, SEQUENCE(STAGE_STEP), 2, &error));
  MUST(program_read(program, kept, ring, &error));
  MUST(program_read(program, state, words, &error));
  uint32_t dispatches = program_get_commands_info(program, SEQUENCE(STAGE_STEP)).dispatches;
  free(numbers);
  program_destroy(&program);
  return dispatches;
}

static void a_loss_that_train_control_adds_up_has_the_same_bits(void **state) {
  (void)state;
  for (int classes = 0; classes < 2; classes++) {
    float fused[TRAIN_RING], plain[TRAIN_RING];
    uint32_t fused_words[TRAIN_WORDS], plain_words[TRAIN_WORDS];
    uint32_t with = control(classes, true, fused, fused_words);
    assert_int_equal(with + 1, control(classes, false, plain, plain_words));
    assert_int_equal(fused_words[TRAIN_STEPS], 2);
    assert_true(fused[1] != 0);
    assert_memory_equal(fused, plain, sizeof plain);
    assert_memory_equal(fused_words, plain_words, sizeof plain_words);
  }
}

enum { LAYERS = 5, WIDTH = 8, LAYER_VALUES = 2 * WIDTH };

// What layers of one weight are made of: x (2, 8, 1, 1), and mean (1, 8, 1, 1) that a node may update.
typedef struct layer_tensors {
  tensor *x, *mean, *weights[2], *bias;
} layer_tensors;

typedef void (*layers)(graph *graph, const layer_tensors *in, tensor *y[LAYERS]);

static void five_of_one_input(graph *graph, const layer_tensors *in, tensor *y[LAYERS]) {
  for (int i = 0; i < LAYERS; i++) y[i] = linear(graph, in->x, in->weights[0], in->bias);
}

static void a_chain(graph *graph, const layer_tensors *in, tensor *y[LAYERS]) {
  for (int i = 0; i < LAYERS; i++) y[i] = linear(graph, i ? y[i - 1] : in->x, in->weights[0], in->bias);
}

static void of_two_weights(graph *graph, const layer_tensors *in, tensor *y[LAYERS]) {
  for (int i = 0; i < 2; i++) y[i] = linear(graph, in->x, in->weights[i], in->bias);
}

static mote_status launch_twice(const node *node, launches *to, mote_error *error) {
  tensor *const x = node->inputs[0];
  const struct add_parameters push = {.quads = (uint)(tensor_bytes(x) / 16), .scale = 1};
  launch launch = {.shader = "add", .bindings = {x, x, x}, .binding_count = 3, .push = &push, .push_bytes = sizeof push};
  spread(push.quads, PLAIN_LOCAL_SIZE, launch.groups);
  return launches_add(to, &launch, error);
}

// x = x + x, in place.
static const op twice_op = {.name = "twice", .kernels = ONE_KERNEL("twice", launch_twice), .writes = 1u << 0};

// Before and behind a node that changes the mean.
static void of_what_changes_between(graph *graph, const layer_tensors *in, tensor *y[LAYERS]) {
  y[0] = linear(graph, in->mean, in->weights[0], in->bias);
  graph_append(graph, &twice_op, &in->mean, 1, 0, NULL, 0);
  y[2] = linear(graph, in->mean, in->weights[0], in->bias);
}

// Runs the layers; their weights are two parts of one buffer, or of two. Returns the dispatches.
static uint32_t run_layers(layers build, int buffer_count, unsigned without_passes, float y_after[LAYERS][LAYER_VALUES]) {
  mote_error error = {0};
  enum { PART = 1024 };
  buffer *buffers[2] = {0};
  float *numbers = test_numbers(7, 2 * PART / 4);
  for (int i = 0; i < buffer_count; i++) {
    MUST(buffer_create(device, 2 * PART, "weights", &buffers[i], &error));
    MUST(buffer_upload(buffers[i], 0, numbers, 2 * PART, &error));
  }
  graph *graph = graph_create(device_get_caps(device));
  layer_tensors in = {.x = graph_input(graph, "x", (shape){2, WIDTH, 1, 1}, ROLE_ACTIVATION),
                      .mean = graph_input(graph, "mean", (shape){1, WIDTH, 1, 1}, ROLE_ACTIVATION),
                      .bias = graph_input(graph, "bias", (shape){1, WIDTH, 1, 1}, ROLE_ACTIVATION)};
  for (int i = 0; i < 2; i++) {
    const binding home = {buffers[i % buffer_count], (size_t)i * PART, WIDTH * WIDTH * sizeof(float)};
    in.weights[i] = graph_external(graph, i ? "second" : "first", (shape){WIDTH, WIDTH, 1, 1}, ROLE_WEIGHT, home);
  }
  tensor *y[LAYERS] = {0};
  build(graph, &in, y);
  for (int i = 0; i < LAYERS; i++)
    if (y[i]) y[i]->keep = true;
  program *program;
  MUST(program_create(&(program_desc){.device = device, .graph = graph, .name = "layers", .without_passes = without_passes},
                      &program, &error));
  MUST(program_write(program, in.x, numbers, &error));
  MUST(program_write(program, in.mean, numbers + LAYER_VALUES, &error));
  MUST(program_write(program, in.bias, numbers + 2 * LAYER_VALUES, &error));
  MUST(program_run(program, SEQUENCE(STAGE_STEP), 1, &error));
  for (int i = 0; i < LAYERS; i++)
    if (y[i]) MUST(program_read(program, y[i], y_after[i], &error));
  uint32_t dispatches = program_get_commands_info(program, SEQUENCE(STAGE_STEP)).dispatches;
  program_destroy(&program);
  for (int i = 0; i < 2; i++) buffer_destroy(&buffers[i]);
  free(numbers);
  return dispatches;
}

static void layers_share_a_dispatch_only_where_order_and_memory_allow_it(void **state) {
  (void)state;
  static const struct {
    layers build;
    int buffers;
    uint32_t with, without;
  } table[] = {
      {five_of_one_input, 1, 2, 5}, {a_chain, 1, 5, 5},                 {of_two_weights, 1, 1, 2},
      {of_two_weights, 2, 2, 2},    {of_what_changes_between, 1, 3, 3},
  };
  for (size_t i = 0; i < COUNT(table); i++) {
    float joined[LAYERS][LAYER_VALUES] = {0}, apart[LAYERS][LAYER_VALUES] = {0};
    assert_int_equal(run_layers(table[i].build, table[i].buffers, 0, joined), table[i].with);
    assert_int_equal(run_layers(table[i].build, table[i].buffers, PASS_JOIN_EARLIER, apart), table[i].without);
    assert_memory_equal(joined, apart, sizeof joined);
  }
}

// w = 2 w, in place
static mote_status launch_doubling(const node *node, launches *to, mote_error *error) {
  tensor *w = node->inputs[0];
  struct add_parameters push = {.quads = (uint32_t)(tensor_bytes(w) / 16), .scale = 1};
  launch launch = {.shader = "add", .bindings = {w, w, w}, .binding_count = 3, .push = &push, .push_bytes = sizeof push, .groups = {1}};
  return launches_add(to, &launch, error);
}

static const op doubling_op = {.name = "doubling", .kernels = ONE_KERNEL("doubling", launch_doubling), .writes = 1};

static void add_twice(graph *graph, const layer_tensors *in, tensor *a, tensor *b, tensor *y[LAYERS]) {
  y[0] = add(graph, a, in->x, 1);
  y[1] = add(graph, in->x, b, 0.5f);
}

static void two_equal(graph *graph, const layer_tensors *in, tensor *y[LAYERS]) {
  add_twice(graph, in, gelu(graph, in->x), gelu(graph, in->x), y);
}

static void two_of_two(graph *graph, const layer_tensors *in, tensor *y[LAYERS]) {
  add_twice(graph, in, gelu(graph, gelu(graph, in->x)), gelu(graph, gelu(graph, in->x)), y);
}

static void two_kinds(graph *graph, const layer_tensors *in, tensor *y[LAYERS]) {
  add_twice(graph, in, gelu(graph, in->x), relu(graph, in->x), y);
}

static void two_inputs(graph *graph, const layer_tensors *in, tensor *y[LAYERS]) {
  tensor *first = add(graph, in->x, in->x, 1);
  add_twice(graph, in, gelu(graph, in->x), gelu(graph, first), y);
}

// What the second takes is updated between the two.
static void two_moments(graph *graph, const layer_tensors *in, tensor *y[LAYERS]) {
  tensor *x = in->x, *first = gelu(graph, x);
  assert_non_null(graph_append(graph, &doubling_op, &x, 1, 0, NULL, 0));
  add_twice(graph, in, first, gelu(graph, x), y);
}

// One of them is updated later.
static void two_of_which_one_changes(graph *graph, const layer_tensors *in, tensor *y[LAYERS]) {
  tensor *first = gelu(graph, in->x), *second = gelu(graph, in->x);
  y[0] = add(graph, second, in->x, 1);
  assert_non_null(graph_append(graph, &doubling_op, &first, 1, 0, NULL, 0));
  y[1] = add(graph, in->x, first, 0.5f);
}

// The host reads one of them.
static void two_of_which_one_is_kept(graph *graph, const layer_tensors *in, tensor *y[LAYERS]) {
  y[2] = gelu(graph, in->x);
  add_twice(graph, in, gelu(graph, in->x), y[2], y);
  y[3] = gelu(graph, in->x);
}

static void nodes_that_compute_the_same_are_one(void **state) {
  (void)state;
  static const struct {
    layers build;
    uint32_t with, without;
  } table[] = {{two_equal, 3, 4},   {two_of_two, 4, 6},  {two_kinds, 4, 4},
               {two_inputs, 5, 5},  {two_moments, 5, 5}, {two_of_which_one_changes, 5, 5}, {two_of_which_one_is_kept, 4, 5}};
  for (size_t i = 0; i < COUNT(table); i++) {
    float one[LAYERS][LAYER_VALUES] = {0}, apart[LAYERS][LAYER_VALUES] = {0};
    uint32_t with = run_layers(table[i].build, 1, 0, one), without = run_layers(table[i].build, 1, PASS_EQUAL, apart);
    if (with != table[i].with || without != table[i].without)
      fail_msg("row %zu: %u dispatches, %u with equal ones apart", i, with, without);
    assert_memory_equal(one, apart, sizeof one);
  }
  float all[BATCH * IMAGE], without[BATCH * IMAGE];  // a network has no such nodes, or fewer dispatches without them
  for (int train = 0; train < 2; train++) {
    assert_true(pass(train, 0, all) <= pass(train, PASS_EQUAL, without));
    assert_memory_equal(all, without, sizeof all);
  }
}

// Statistics of the batch cannot be folded into weights beforehand.
static void batch_norm_by_the_batchs_own_statistics_is_not_folded(void **state) {
  (void)state;
  float train[BATCH * IMAGE], eval[BATCH * IMAGE], unfolded[BATCH * IMAGE];
  uint32_t with = pass(true, 0, train), without = pass(true, PASS_FOLD, unfolded);
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
  tensor *x = graph_input(graph, "x", (shape){1, 8, 4, 4}, ROLE_ACTIVATION);
  tensor *weight = graph_input(graph, "weight", (shape){8, 8, 1, 1}, ROLE_WEIGHT);
  tensor *bias = graph_input(graph, "bias", (shape){1, 8, 1, 1}, ROLE_ACTIVATION);
  tensor *before = conv(graph, x, weight, bias), *after = relu(graph, before);
  before->keep = after->keep = true;
  program *program;
  MUST(program_create(&(program_desc){.device = device, .graph = graph, .name = "keep"}, &program, &error));
  assert_int_equal(program_get_commands_info(program, SEQUENCE(STAGE_STEP)).dispatches, 2);
  float *numbers = test_numbers(9, 128), zeros[8] = {0}, identity[64] = {0}, read[128];
  for (int i = 0; i < 8; i++) identity[9 * i] = 1;
  MUST(program_write(program, x, numbers, &error));
  MUST(program_write(program, weight, identity, &error));
  MUST(program_write(program, bias, zeros, &error));
  MUST(program_run(program, SEQUENCE(STAGE_STEP), 1, &error));
  MUST(program_read(program, before, read, &error));
  assert_memory_equal(read, numbers, sizeof read);
  MUST(program_read(program, after, read, &error));
  for (int i = 0; i < 128; i++) assert_true(read[i] == (numbers[i] > 0 ? numbers[i] : 0));
  free(numbers);
  program_destroy(&program);
}

// Runs a graph of inputs and what is made of them, whatever numbers they have; returns the dispatches.
static uint32_t run_graph(graph *graph, unsigned without_passes, tensor *y, float *output) {
  mote_error error = {0};
  program *program;
  y->keep = true;
  MUST(program_create(&(program_desc){.device = device, .graph = graph, .name = "some", .without_passes = without_passes},
                      &program, &error));
  for (int i = 0; i < graph->tensor_count; i++) {
    tensor *input = graph->tensors[i];
    if (input->kind != TENSOR_INPUT || input->role == ROLE_TABLE) continue;
    float *numbers = test_numbers(10u + (uint32_t)i, tensor_elements(input));
    MUST(program_write(program, input, numbers, &error));
    free(numbers);
  }
  MUST(program_run(program, SEQUENCE(STAGE_STEP), 1, &error));
  MUST(program_read(program, y, output, &error));
  const uint32_t dispatches = program_get_commands_info(program, SEQUENCE(STAGE_STEP)).dispatches;
  program_destroy(&program);
  return dispatches;
}

static tensor *image(graph *graph, const char *name, int n, int c, int side) {
  return graph_input(graph, name, (shape){n, c, side, side}, ROLE_ACTIVATION);
}

static tensor *weight(graph *graph, const char *name, int o, int c, int side) {
  return graph_input(graph, name, (shape){o, c, side, side}, ROLE_WEIGHT);
}

// A convolution of an image at twice its size; returns the dispatches.
static uint32_t convolve_twice(unsigned without_passes, float *output) {
  graph *graph = graph_create(device_get_caps(device));
  tensor *twice = upsample(graph, image(graph, "x", 1, 8, 4));
  tensor *y = conv(graph, twice, weight(graph, "weight", 8, 8, 3), image(graph, "bias", 1, 8, 1));
  return run_graph(graph, without_passes, y, output);
}

static void images_at_twice_their_size_are_read_as_they_are(void **state) {
  (void)state;
  float apart[512], loaded[512];
  assert_int_equal(convolve_twice(PASS_LOAD, apart), 2);
  const bool reads = device_get_caps(device)->kernels <= MOTE_KERNELS_TEXEL;  // others multiply tiles, which do not
  assert_int_equal(convolve_twice(0, loaded), reads ? 1 : 2);
  assert_memory_equal(loaded, apart, sizeof apart);
}

// A norm of two tensors, or of the two and a term; returns the dispatches.
static uint32_t normalise_two(unsigned without_passes, bool term, float *output) {
  graph *graph = graph_create(device_get_caps(device));
  tensor *x = concat(graph, image(graph, "a", 2, 8, 4), image(graph, "b", 2, 8, 4));
  if (term) x = scale_shift(graph, x, NULL, image(graph, "term", 2, 16, 1), NULL);
  tensor *y = group_norm(graph, x, image(graph, "gamma", 1, 16, 1), image(graph, "beta", 1, 16, 1), 4, 1e-5f);
  return run_graph(graph, without_passes, y, output);
}

static void a_norm_takes_what_is_added_and_what_is_concatenated_before_it(void **state) {
  (void)state;
  float apart[512], fused[512];
  assert_int_equal(normalise_two(PASS_TERM, true, apart), 3);
  assert_int_equal(normalise_two(0, true, fused), 2);
  assert_true(relative_error(fused, apart, 512) < 1e-6);
  assert_int_equal(normalise_two(PASS_SECOND, false, apart), 2);
  assert_int_equal(normalise_two(0, false, fused), 1);
  assert_memory_equal(fused, apart, sizeof fused);
}

// Three layers of the same pixels; returns the dispatches.
static uint32_t convolve_thrice(unsigned without_passes, float *output) {
  graph *graph = graph_create(device_get_caps(device));
  tensor *x = image(graph, "x", 1, 32, 3), *y[3];
  for (int i = 0; i < 3; i++) {
    const char of_weight[] = {(char)('u' + i), 0}, of_bias[] = {(char)('a' + i), 0};
    y[i] = conv(graph, x, weight(graph, of_weight, 8, 32, 1), image(graph, of_bias, 1, 8, 1));
  }
  return run_graph(graph, without_passes, attention(graph, y[0], y[1], y[2], 1), output);
}

static void layers_that_take_the_same_pixels_are_one_dispatch(void **state) {
  (void)state;
  float apart[72], joined[72];
  assert_int_equal(convolve_thrice(PASS_JOIN_EARLIER, apart), 4);
  assert_int_equal(convolve_thrice(0, joined), 2);
  assert_memory_equal(joined, apart, sizeof apart);
}

// (x + conv(y)) · 2, where nothing but that convolution could take the sum; of 5 x 5, which Winograd's kernel does not fit.
static void a_sum_goes_into_the_convolution_where_nothing_else_could_take_it(void **state) {
  (void)state;
  float apart[800], fused[800];
  for (int i = 0; i < 2; i++) {
    graph *graph = graph_create(device_get_caps(device));
    tensor *y = conv(graph, image(graph, "y", 2, 8, 5), weight(graph, "weight", 16, 8, 3), image(graph, "bias", 1, 16, 1));
    y = add(graph, image(graph, "x", 2, 16, 5), y, 2);
    assert_int_equal(run_graph(graph, i ? 0 : PASS_RESIDUAL, y, i ? fused : apart), i ? 1 : 2);
  }
  assert_true(relative_error(fused, apart, 800) < 1e-6);
}

// Last, and a test: cmocka takes no notice of a group teardown that fails.
static void nothing_is_left_on_the_device_at_the_end(void **state) {
  (void)state;
  mote_model_destroy(&model);
  test_device_end(&device);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(each_pass_is_left_out_by_some_test),
      cmocka_unit_test(every_rule_keeps_the_results_up_to_rounding),
      cmocka_unit_test(every_rule_saves_dispatches),
      cmocka_unit_test(every_rule_saves_dispatches_of_plain_kernels),
      cmocka_unit_test(a_pass_takes_three_variants_of_winograds_kernel),
      cmocka_unit_test(every_rule_keeps_the_gradients_and_saves_dispatches),
      cmocka_unit_test(rules_keep_the_gradients_of_plain_kernels),
      cmocka_unit_test(the_plain_kernel_does_what_another_does_for_several_layers),
      cmocka_unit_test(a_bias_that_a_norm_takes_off_again_has_no_gradient),
      cmocka_unit_test(of_equal_pixels_the_first_takes_the_gradient_of_the_pool),
      cmocka_unit_test(differentiation_is_a_pass),
      cmocka_unit_test(an_update_that_advances_the_index_gives_the_same_bits),
      cmocka_unit_test(a_loss_that_train_control_adds_up_has_the_same_bits),
      cmocka_unit_test(layers_share_a_dispatch_only_where_order_and_memory_allow_it),
      cmocka_unit_test(nodes_that_compute_the_same_are_one),
      cmocka_unit_test(batch_norm_by_the_batchs_own_statistics_is_not_folded),
      cmocka_unit_test(a_pass_gives_the_same_bits_twice),
      cmocka_unit_test(a_tensor_that_is_read_is_not_fused_away),
      cmocka_unit_test(images_at_twice_their_size_are_read_as_they_are),
      cmocka_unit_test(a_norm_takes_what_is_added_and_what_is_concatenated_before_it),
      cmocka_unit_test(layers_that_take_the_same_pixels_are_one_dispatch),
      cmocka_unit_test(a_sum_goes_into_the_convolution_where_nothing_else_could_take_it),
      cmocka_unit_test(nothing_is_left_on_the_device_at_the_end),
  };
  return cmocka_run_group_tests_name("passes", tests, open_device, NULL);
}
