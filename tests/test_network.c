// test_network.c: a network that mote does not know is a record, and trains, is saved, loaded and sampled as its own do.
#include "tests/support.h"

#include "graph/compile/program.h"
#include "graph/nets/layers.h"
#include "graph/nets/model.h"
#include "graph/nets/settings.h"
#include "graph/ops/ops.h"

static mote_device *device;
static test_log said;

static int open_device(void **state) {
  (void)state;
  device = test_device((mote_device_desc){.log = test_log_take, .log_user = &said});
  return 0;
}

// ---------------------------------------------------------------------------------------------------------------------
// A row of convolutions with settings of every type

static const char *const activations[] = {"relu", "gelu", NULL};

static const network_setting settings[] = {
    {SETTING_CHANNELS, .tensor = "last.weight", .dim = 0, .factor = 1},
    {SETTING_HEIGHT},
    {SETTING_WIDTH},
    {SETTING_CONTEXT},
    {.name = "widths", .type = VALUE_INT, .most = 4, .low = 8, .high = 64, .multiple = 8, .usual = "8,16"},
    {.name = "activation", .type = VALUE_CHOICE, .choices = activations, .usual = "relu"},
    {.name = "residual", .type = VALUE_BOOL, .usual = "false"},
    {.name = "drop", .type = VALUE_DOUBLE, .low = 0, .high = 0.9, .usual = "0"},
    {.name = "scale", .type = VALUE_DOUBLE, .low = 0.1, .high = 10, .usual = "1"},
    {0},
};

static network_outputs build(graph *graph, const mote_model_info *info, const network_inputs *inputs) {
  const setting_value widths = setting_of(info, "widths");
  const bool smooth = setting_of(info, "activation").numbers[0] == 1;
  tensor *x = inputs->x;
  for (int i = 0; i < widths.count; i++) {
    char name[20];
    snprintf(name, sizeof name, "layers.%d", i);
    graph_push(graph, name);
    x = square_conv(graph, "", x, (int)widths.numbers[i], 3);
    x = smooth ? gelu(graph, x) : relu(graph, x);
    const float drop = (float)setting_of(info, "drop").numbers[0];
    if (drop > 0 && inputs->state) x = dropout(graph, x, drop, inputs->state, inputs->drawn);
    graph_pop(graph);
  }
  graph_push(graph, "last");
  x = square_conv(graph, "", x, info->channels, 1);
  if (setting_of(info, "residual").numbers[0] != 0)
    x = add(graph, x, inputs->x, (float)setting_of(info, "scale").numbers[0]);
  graph_pop(graph);
  return (network_outputs){.y = x};
}

static const network row_of_convs = {.name = "row_of_convs", .settings = settings, .build = build};

static mote_model_info describe(const char *values) {
  mote_model_info info = {.architecture = "row_of_convs", .network = &row_of_convs, .channels = 3, .height = 5, .width = 7, .n_cfeat = 2};
  snprintf(info.settings, sizeof info.settings, "%s", values);
  return info;
}

enum { IMAGE = 3 * 5 * 7, IMAGES = 4 };  // of a number of pixels that no noise comes in

static mote_status make_trainer(const mote_model_info *model, mote_trainer **trainer, mote_error *error) {
  static uint8_t pixels[IMAGES * IMAGE];
  for (int i = 0; i < IMAGES * IMAGE; i++) pixels[i] = (uint8_t)(i * 37);
  return mote_trainer_create(&(mote_trainer_desc){.device = device,
                                                  .model = *model,
                                                  .data = {.count = IMAGES, .pixels = pixels},
                                                  .batch = 2,
                                                  .lr_schedule = MOTE_LR_CONSTANT},
                             trainer, error);
}

static void answer(mote_model *model, float *output) {
  mote_error error = {0};
  float *x = test_numbers(1, IMAGE);
  MUST(mote_model_forward(model, &(mote_forward_desc){.batch = 1, .x = x, .steps = (int32_t[]){100}}, output, &error));
  free(x);
}

static void it_trains_is_saved_loaded_and_sampled(void **state) {
  (void)state;
  mote_error error = {0};
  mote_trainer *trainer;
  mote_model *trained, *loaded;
  mote_sampler *sampler;
  const char *path = "/tmp/mote_test_network.safetensors";
  float losses[2], before[IMAGE], after[IMAGE], image[IMAGE];
  const mote_model_info info = describe("widths=16,8,24;activation=gelu;residual=true;scale=0.5");
  MUST(make_trainer(&info, &trainer, &error));
  MUST(mote_trainer_get_model(trainer, &trained, &error));
  answer(trained, before);
  MUST(mote_trainer_run(trainer, 2, losses, &error));
  assert_true(isfinite(losses[0]) && losses[1] != losses[0]);
  MUST(mote_trainer_get_model(trainer, &trained, &error));
  answer(trained, after);
  assert_true(memcmp(before, after, sizeof after) != 0);
  assert_int_equal(mote_model_get_info(trained)->parameter_count,
                   (27 + 1) * 16 + (16 * 9 + 1) * 8 + (8 * 9 + 1) * 24 + (24 + 1) * 3);
  MUST(mote_trainer_save_weights(trainer, path, false, &error));

  mote_model *unknown = NULL;
  assert_int_equal(mote_model_load_file(device, path, &unknown, &error), MOTE_ERROR_FORMAT);
  assert_error(&error, MOTE_ERROR_FORMAT, "architecture is 'row_of_convs', expected one of context_unet, sprite_classifier");
  assert_null(unknown);
  said = (test_log){0};
  MUST(model_load_own(device, path, &row_of_convs, &loaded, &error));
  unlink(path);
  assert_int_equal(said.count, 0);
  assert_null(settings_differ(mote_model_get_info(loaded), &info, false));
  answer(loaded, before);
  assert_memory_equal(before, after, sizeof after);
  MUST(mote_sampler_create(&(mote_sampler_desc){.model = loaded, .steps = 3}, &sampler, &error));
  MUST(mote_sampler_begin(sampler, &(mote_sampler_request){.seed = 1}, &error));
  MUST(mote_sampler_run(sampler, 3, &error));
  MUST(mote_sampler_read(sampler, image, &error));
  for (int i = 0; i < IMAGE; i++) assert_true(isfinite(image[i]));
  mote_sampler_destroy(&sampler);
  mote_model_destroy(&loaded);
  mote_trainer_destroy(&trainer);
}

// Two steps of training by these settings.
static void train(const char *values, float losses[2], float weights[IMAGE]) {
  mote_error error = {0};
  mote_trainer *trainer;
  mote_model *trained;
  const mote_model_info info = describe(values);
  MUST(make_trainer(&info, &trainer, &error));
  MUST(mote_trainer_run(trainer, 2, losses, &error));
  MUST(mote_trainer_get_model(trainer, &trained, &error));
  answer(trained, weights);
  mote_trainer_destroy(&trainer);
}

static void what_is_dropped_in_training_depends_on_the_seed_alone(void **state) {
  (void)state;
  float all[2], some[2], again[2], before[IMAGE], after[IMAGE];
  train("widths=16,16", all, before);
  train("widths=16,16;drop=0.5", some, before);
  train("widths=16,16;drop=0.5", again, after);
  assert_true(isfinite(some[0]) && isfinite(some[1]) && some[0] != all[0]);
  assert_memory_equal(again, some, sizeof some);
  assert_memory_equal(after, before, sizeof before);
}

static void what_is_not_said_is_as_usual(void **state) {
  (void)state;
  mote_model_info info = describe("");
  const setting_value widths = setting_of(&info, "widths");
  assert_true(widths.count == 2 && widths.numbers[0] == 8 && widths.numbers[1] == 16);
  assert_true(setting_of(&info, "width").numbers[0] == 7);
  info.width = 0;
  assert_true(setting_of(&info, "width").numbers[0] == 5);
  assert_true(setting_of(&info, "residual").numbers[0] == 0 && setting_of(&info, "scale").numbers[0] == 1);
}

static void settings_are_kept_as_they_were_put(void **state) {
  (void)state;
  mote_model_info info = describe("activation=gelu;scale=2");
  setting_value value;
  const network_setting *widths = setting_find(&row_of_convs, "widths"), *scale = setting_find(&row_of_convs, "scale");
  assert_true(setting_parse(widths, "24,8", &value) && setting_put(&info, widths, &value));
  assert_true(setting_parse(scale, "0.25", &value) && setting_put(&info, scale, &value));
  assert_string_equal(info.settings, "activation=gelu;widths=24,8;scale=0.25");
  memset(info.settings, 'x', sizeof info.settings - 1);
  assert_false(setting_put(&info, scale, &value));
}

static void what_cannot_be_is_named_with_what_was_found(void **state) {
  (void)state;
  static const struct {
    const char *values, *expected;
  } cases[] = {
      {"depth=3", "model: settings name \"depth\", which a row_of_convs has not"},
      {"channels=3", "model: settings name \"channels\""},
      {"widths=8,12", "model: widths is 8,12, expected 8 to 64, a multiple of 8"},
      {"widths=8,8,8,8,8", "model: widths is of another type, expected 8 to 64"},
      {"widths=8.5", "model: widths is of another type"},
      {"widths=", "model: widths is of another type"},
      {"activation=tanh", "model: activation is of another type, expected one of relu, gelu"},
      {"residual=yes", "model: residual is of another type, expected one of false, true"},
      {"scale=20", "model: scale is 20, expected 0.1 to 10"},
  };
  for (size_t i = 0; i < COUNT(cases); i++) {
    mote_error error = {0};
    mote_trainer *trainer = NULL;
    const mote_model_info info = describe(cases[i].values);
    assert_int_equal(make_trainer(&info, &trainer, &error), MOTE_ERROR_USAGE);
    assert_error(&error, MOTE_ERROR_USAGE, cases[i].expected);
  }
  mote_error error = {0};
  mote_trainer *trainer = NULL;
  mote_model_info info = describe("");
  strcpy(info.architecture, "context_unet");
  assert_int_equal(make_trainer(&info, &trainer, &error), MOTE_ERROR_USAGE);
  assert_error(&error, MOTE_ERROR_USAGE, "model: architecture is \"context_unet\", expected row_of_convs");
  info.network = NULL;
  strcpy(info.architecture, "row_of_convs");
  assert_int_equal(make_trainer(&info, &trainer, &error), MOTE_ERROR_USAGE);
  assert_error(&error, MOTE_ERROR_USAGE, "architecture is \"row_of_convs\", expected context_unet or sprite_classifier");
}

// What mote's own must have, since all that makes images and contexts asks for it.
static void every_network_takes_images_and_contexts(void **state) {
  (void)state;
  static const char *const names[] = {"channels", "height", "width", "n_cfeat"};
  for (int i = 0; network_at(i); i++) {
    assert_ptr_equal(network_find(network_at(i)->name), network_at(i));
    for (size_t k = 0; k < COUNT(names); k++) {
      const network_setting *setting = setting_find(network_at(i), names[k]);
      if (!setting || !setting->of_data || !setting->field) fail_msg("%s: %s", network_at(i)->name, names[k]);
    }
    for (const network_setting *setting = network_at(i)->settings; setting->name; setting++)
      if (!setting->of_data) assert_true(setting->usual && setting->help && setting->argument && setting->title);
  }
}

// Nodes of a layer, by the path that it has alone.
static int count_nodes(const graph *graph, const char *label) {
  int count = 0;
  for (int i = 0; i < graph->node_count; i++)
    count += !graph->nodes[i]->removed && graph->nodes[i]->stage == STAGE_STEP && !strcmp(graph->nodes[i]->label, label);
  return count;
}

// Norms with their activations, convolutions with the sums around them: each node is one dispatch.
// Of CPU drivers one more for the sum of a block without a convolution of 1x1: Winograd's kernel would be made once more for it. It
// reads images at twice their size, which tiled kernels do not.
static void samples_in_few_dispatches(mote_device *on, size_t same_width, size_t larger) {
  mote_error error = {0};
  program *program;
  mote_trainer *trainer;
  mote_model *model;
  mote_model_info info = {.architecture = "unet2d", .channels = 3, .height = 8, .width = 8};
  snprintf(info.settings, sizeof info.settings, "block_out_channels=32,32;down_block_types=DownBlock2D,AttnDownBlock2D;"
                                                "up_block_types=AttnUpBlock2D,UpBlock2D;norm_num_groups=8");
  static const uint8_t pixels[4 * 3 * 64];
  MUST(mote_trainer_create(&(mote_trainer_desc){.device = on, .model = info, .data = {.count = 4, .pixels = pixels}, .batch = 2,
                                               .lr_schedule = MOTE_LR_CONSTANT},
                           &trainer, &error));
  MUST(mote_trainer_get_model(trainer, &model, &error));
  graph *graph = graph_create(device_get_caps(on));
  const network_inputs inputs = network_make_inputs(graph, mote_model_get_info(model), 2, false);
  tensor *y = network_build(graph, mote_model_get_info(model), &inputs).y;
  assert_non_null(y);
  y->keep = true;
  MUST(model_bind(model, graph, &error));
  MUST(program_create(&(program_desc){.device = on, .graph = graph, .name = "unet2d"}, &program, &error));
  assert_int_equal(count_nodes(graph, "down_blocks.1/resnets.1"), same_width);
  assert_int_equal(count_nodes(graph, "down_blocks.1/attentions.1"), 4);
  assert_int_equal(count_nodes(graph, "up_blocks.0/resnets.1"), 5);  // of another width: conv_shortcut
  assert_int_equal(count_nodes(graph, "up_blocks.0"), larger);       // its way to the next size, and no concatenation
  program_destroy(&program);
  mote_trainer_destroy(&trainer);
}

static void a_unet2d_samples_in_few_dispatches_a_block(void **state) {
  (void)state;
  mote_error error = {0};
  mote_device *tiled;
  samples_in_few_dispatches(device, 5, 1);
  MUST(mote_device_create(&(mote_device_desc){.kernels = MOTE_KERNELS_TILED}, &tiled, &error));
  samples_in_few_dispatches(tiled, 4, 2);
  mote_device_destroy(&tiled);
}

static int close_device(void **state) {
  (void)state;
  mote_device_destroy(&device);
  return 0;
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(it_trains_is_saved_loaded_and_sampled),
      cmocka_unit_test(what_is_dropped_in_training_depends_on_the_seed_alone),
      cmocka_unit_test(what_is_not_said_is_as_usual),
      cmocka_unit_test(settings_are_kept_as_they_were_put),
      cmocka_unit_test(what_cannot_be_is_named_with_what_was_found),
      cmocka_unit_test(every_network_takes_images_and_contexts),
      cmocka_unit_test(a_unet2d_samples_in_few_dispatches_a_block),
  };
  return cmocka_run_group_tests(tests, open_device, close_device);
}
