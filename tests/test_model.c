// test_model.c: which weights files load, what is said about those that do not, and that a failure leaves nothing held.
#include "tests/support.h"

#include "graph/ir/layout.h"
#include "graph/ir/philox.h"
#include "graph/nets/initial_weights.h"
#include "shaders/streams.h"

static mote_device *device;
static test_log said;

static int open_device(void **state) {
  (void)state;
  device = test_device((mote_device_desc){.log = test_log_take, .log_user = &said});
  return 0;
}

enum { IMAGE = 3 * 8 * 8 };

static weights *make(void) { return weights_make(&SMALL_MODEL); }

// What the model answers to one fixed image, step and context.
static void answer(mote_model *model, float *output) {
  mote_error error = {0};
  float *x = test_numbers(50, IMAGE), *context = test_numbers(51, 5);
  const int32_t step = 300;
  MUST(mote_model_forward(model, &(mote_forward_desc){.batch = 1, .x = x, .steps = &step, .context = context}, output,
                          &error));
  for (int i = 0; i < IMAGE; i++) assert_true(isfinite(output[i]));
  free(x);
  free(context);
}

static void load_and_answer(const weights *w, float *output) {
  mote_error error = {0};
  mote_model *model;
  MUST(weights_load(w, device, &model, &error));
  answer(model, output);
  mote_model_destroy(&model);
}

static void assert_refused_bytes(const void *data, size_t bytes, const char *expected) {
  mote_error error = {0};
  mote_model *model = (mote_model *)1;
  uint64_t before = mote_device_get_counters(device).memory_bytes;
  assert_int_equal(mote_model_load_memory(device, "test.st", data, bytes, &model, &error), MOTE_ERROR_FORMAT);
  assert_error(&error, MOTE_ERROR_FORMAT, expected);
  assert_ptr_equal(strstr(error.message, "test.st: "), error.message);
  assert_null(model);
  assert_int_equal(mote_device_get_counters(device).memory_bytes, before);
}

// The message opens with the file and holds `expected`; no memory of the device stays held. Frees `w`.
static void assert_refused(weights *w, const char *expected) {
  size_t bytes;
  uint8_t *data = weights_bytes(w, &bytes);
  assert_refused_bytes(data, bytes, expected);
  free(data);
  weights_free(&w);
}

// Changes the description of one tensor in a file's header, both texts of the same length.
static void patch(uint8_t *data, size_t bytes, const char *tensor, const char *from, const char *to) {
  char quoted[NAME_BYTES + 2];
  snprintf(quoted, sizeof quoted, "\"%s\"", tensor);
  uint8_t *at = memmem(data, bytes, quoted, strlen(quoted));
  assert_non_null(at);
  at = memmem(at, (size_t)(data + bytes - at), from, strlen(from));
  assert_non_null(at);
  assert_int_equal(strlen(from), strlen(to));
  memcpy(at, to, strlen(to));
}

// ---------------------------------------------------------------------------------------------------------------------
// What loads

static void the_default_network_has_1481027_parameters_and_150_66_million_multiply_adds(void **state) {
  (void)state;
  mote_model *model = test_model(device, (mote_model_info){.channels = 3, .height = 16, .n_feat = 64, .n_cfeat = 5});
  const mote_model_info *info = mote_model_get_info(model);
  assert_int_equal(info->parameter_count, 1481027);
  assert_true(fabs((double)info->multiply_adds / 1e6 - 150.66) < 0.005);
  mote_model_destroy(&model);
}

static void metadata_is_taken_as_it_stands(void **state) {
  (void)state;
  mote_error error = {0};
  mote_model *model;
  mote_model_info sizes = SMALL_MODEL;
  sizes.schedule = MOTE_SCHEDULE_COSINE;
  sizes.prediction = MOTE_PREDICT_V;
  weights *w = weights_make(&sizes);
  weights_set(w, "timesteps", "123");
  weights_set(w, "beta_start", "2e-3");
  weights_set(w, "beta_end", "0.5");
  weights_set(w, "labels", "hero,non-hero,food,spell,side-facing");
  weights_set(w, "attributes", "kind=4,size=-1.5:1e3");
  weights_set(w, "trained_on", "nothing, by nobody");
  said = (test_log){0};
  MUST(weights_load(w, device, &model, &error));
  const mote_model_info *info = mote_model_get_info(model);
  assert_string_equal(info->architecture, "context_unet");
  assert_true(info->channels == 3 && info->height == 8 && info->n_feat == 8 && info->n_cfeat == 5);
  assert_int_equal(info->timesteps, 123);
  assert_int_equal(info->schedule, MOTE_SCHEDULE_COSINE);
  assert_int_equal(info->prediction, MOTE_PREDICT_V);
  assert_true(info->beta_start == 2e-3 && info->beta_end == 0.5);
  assert_int_equal(info->label_count, 5);
  assert_string_equal(info->labels[0], "hero");
  assert_string_equal(info->labels[4], "side-facing");
  assert_int_equal(info->attribute_count, 2);
  assert_string_equal(info->attributes[1].name, "size");
  assert_true(info->attributes[0].count == 4 && !info->attributes[0].is_number && info->attributes[1].count == 1);
  assert_true(info->attributes[1].is_number && info->attributes[1].low == -1.5 && info->attributes[1].high == 1e3);
  assert_string_equal(info->trained_on, "nothing, by nobody");
  assert_int_equal(said.count, 0);
  mote_model_destroy(&model);
  weights_free(&w);
}

static void absent_metadata_is_inferred_and_said(void **state) {
  (void)state;
  static const struct {
    const char *key, *said;
  } all[] = {
      {"architecture", "test.st: no metadata architecture: context_unet assumed"},
      {"channels", "test.st: no metadata channels: 3, from the tensors' shapes"},
      {"height", "test.st: no metadata height: 8, from"},
      {"n_feat", "test.st: no metadata n_feat: 8, from"},
      {"n_cfeat", "test.st: no metadata n_cfeat: 5, from"},
      {"timesteps", "test.st: no metadata timesteps: 500"},
      {"schedule", "test.st: no metadata schedule: linear assumed"},
      {"beta_start", "test.st: no metadata beta_start: 0.0001 assumed"},
      {"beta_end", "test.st: no metadata beta_end: 0.02 assumed"},
      {"prediction", "test.st: no metadata prediction: epsilon assumed"},
  };
  mote_error error = {0};
  mote_model *model;
  weights *w = make();
  float with[IMAGE], without[IMAGE];
  load_and_answer(w, with);
  for (size_t i = 0; i < COUNT(all); i++) {
    weights_set(w, all[i].key, NULL);
    said = (test_log){0};
    MUST(weights_load(w, device, &model, &error));
    assert_contains(said.text, all[i].said);
    assert_int_equal(said.count, i + 1);
    if (i + 1 == COUNT(all)) answer(model, without);
    mote_model_destroy(&model);
  }
  assert_memory_equal(without, with, sizeof with);
  weights_free(&w);
}

static void metadata_that_no_network_has_are_passed_over_and_said_in_one_line(void **state) {
  (void)state;
  weights *w = make();
  float with[IMAGE], without[IMAGE];
  load_and_answer(w, without);
  weights_set(w, "format", "pt");
  weights_set(w, "attention_head_dim", "8");
  said = (test_log){0};
  load_and_answer(w, with);
  assert_int_equal(said.count, 1);
  assert_contains(said.text, "test.st: metadata attention_head_dim is no setting of a context_unet and is passed over");
  assert_memory_equal(with, without, sizeof with);
  weights_set(w, "norm_eps", "1e-5");
  said = (test_log){0};
  load_and_answer(w, with);
  assert_int_equal(said.count, 1);
  assert_contains(said.text, "test.st: metadata attention_head_dim, as are others, is no setting of a context_unet");
  weights_free(&w);
}

static void batch_counters_of_pytorch_are_passed_over(void **state) {
  (void)state;
  weights *w = make();
  float with[IMAGE], without[IMAGE];
  load_and_answer(w, without);
  weights_add(w, "init_conv.conv1.1.num_batches_tracked", 1, (uint64_t[]){2});
  size_t bytes;
  uint8_t *data = weights_bytes(w, &bytes);
  patch(data, bytes, "init_conv.conv1.1.num_batches_tracked", "\"F32\"", "\"I64\"");
  patch(data, bytes, "init_conv.conv1.1.num_batches_tracked", "[2]", "[1]");
  mote_error error = {0};
  mote_model *model;
  MUST(mote_model_load_memory(device, "test.st", data, bytes, &model, &error));
  answer(model, with);
  assert_memory_equal(with, without, sizeof with);
  mote_model_destroy(&model);
  free(data);
  weights_free(&w);
}

static void a_missing_shortcut_is_said_and_seeded_alike_every_time(void **state) {
  (void)state;
  weights *w = make();
  float own[IMAGE], first[IMAGE], second[IMAGE], none[IMAGE], shortcut[8 * 3], shortcut_bias[8];
  load_and_answer(w, own);
  memset((void *)(uintptr_t)weights_find(w, "init_conv.shortcut.weight")->data, 0, 8 * 3 * 4);
  memset((void *)(uintptr_t)weights_find(w, "init_conv.shortcut.bias")->data, 0, 8 * 4);
  load_and_answer(w, none);
  weights_remove(w, "init_conv.shortcut.weight");
  weights_remove(w, "init_conv.shortcut.bias");
  said = (test_log){0};
  load_and_answer(w, first);
  assert_int_equal(said.count, 2);
  assert_contains(said.text, "test.st: no tensor init_conv.shortcut.weight: a seeded one");
  assert_contains(said.text, "test.st: no tensor init_conv.shortcut.bias: a seeded one");
  load_and_answer(w, second);
  assert_memory_equal(second, first, sizeof first);
  for (uint32_t i = 0; i < 8 * 3; i++)  // uniform in ±1/√3
    shortcut[i] = (float)(1 / sqrt(3) * philox_uniform((philox_block){{i, 1, 0, STREAM_TRAIN_WEIGHTS}}, 1));
  for (uint32_t i = 0; i < 8; i++)
    shortcut_bias[i] = (float)(1 / sqrt(3) * philox_uniform((philox_block){{i, 0, 0, STREAM_TRAIN_WEIGHTS}}, 1));
  weights_free(&w);
  w = make();
  memcpy((void *)(uintptr_t)weights_find(w, "init_conv.shortcut.weight")->data, shortcut, sizeof shortcut);
  memcpy((void *)(uintptr_t)weights_find(w, "init_conv.shortcut.bias")->data, shortcut_bias, sizeof shortcut_bias);
  load_and_answer(w, second);
  assert_memory_equal(second, first, sizeof first);
  assert_true(relative_error(first, own, IMAGE) > 1e-3);
  assert_true(relative_error(first, none, IMAGE) > 1e-3);
  weights_free(&w);
}

static void half_weights_answer_like_the_floats_that_they_are(void **state) {
  (void)state;
  weights *w = make();
  float exact[IMAGE], rounded[IMAGE], half[IMAGE];
  load_and_answer(w, exact);
  for (size_t i = 0; i < w->count; i++) {
    float *data = (float *)(uintptr_t)w->tensors[i].data;
    for (size_t k = 0; k < weights_elements(&w->tensors[i]); k++) data[k] = half_to_float(half_from_float(data[k]));
  }
  load_and_answer(w, rounded);
  for (size_t i = 0; i < w->count; i++) w->tensors[i].dtype = SAFETENSORS_F16;
  load_and_answer(w, half);
  assert_memory_equal(half, rounded, sizeof half);
  assert_true(memcmp(rounded, exact, sizeof exact) != 0);
  weights_free(&w);
}

// Networks of other sizes: the shapes of every parameter follow, and the same file loads from a path.
static void other_sizes_load_and_run_from_a_file(void **state) {
  (void)state;
  static const mote_model_info sizes[] = {{.channels = 1, .height = 4, .n_feat = 8, .n_cfeat = 1},
                                          {.channels = 4, .height = 20, .n_feat = 24, .n_cfeat = 7}};
  mote_error error = {0};
  for (size_t i = 0; i < COUNT(sizes); i++) {
    weights *w = weights_make(&sizes[i]);
    const char *path = "/tmp/mote_test_model.safetensors";
    mote_model *model;
    MUST(safetensors_write(path, w->tensors, w->count, w->metadata, w->metadata_count, &error));
    mote_status status = mote_model_load_file(device, path, &model, &error);
    unlink(path);
    if (status) fail_msg("%s", error.message);
    size_t image = (size_t)sizes[i].channels * (size_t)sizes[i].height * (size_t)sizes[i].height, count = 0;
    for (size_t k = 0; k < w->count; k++)
      if (!strstr(w->names[k], "running")) count += weights_elements(&w->tensors[k]);
    assert_int_equal(mote_model_get_info(model)->parameter_count, count);
    float *x = test_numbers(60, image), *y = test_numbers(0, image);
    MUST(mote_model_forward(model, &(mote_forward_desc){.batch = 1, .x = x, .steps = (int32_t[]){1}}, y, &error));
    for (size_t k = 0; k < image; k++) assert_true(isfinite(y[k]));
    free(x);
    free(y);
    mote_model_destroy(&model);
    weights_free(&w);
  }
}

// Whatever else the network is made of: how a layer is computed does not change what it begins with.
static void initial_weights_are_drawn_by_the_place_among_the_parameters(void **state) {
  (void)state;
  mote_error error = {0};
  mote_model_info info = SMALL_MODEL;
  parameters parameters;
  uint32_t place = 0;
  MUST(parameters_create(device, &info, &parameters, &error));
  float *packed = malloc(parameters.bytes), *rows = malloc(parameters.bytes);
  MUST(parameters_draw(&parameters, 9, packed, &error));
  for (int i = 0; i < parameters.list->tensor_count; i++) {
    const tensor *tensor = parameters.list->tensors[i];
    if (tensor->kind != TENSOR_PARAMETER) continue;
    const double bound = 1 / sqrt((double)tensor->shape.c * tensor->shape.h * tensor->shape.w);  // fan_in
    layout_unpack(tensor, packed + tensor->home.offset / 4, rows);
    for (uint32_t k = 0; k < tensor_elements(tensor); k++) {
      const philox_block counter = {{k, place, 0, STREAM_TRAIN_WEIGHTS}};
      if (tensor->parameter.dim_count > 1) assert_true(rows[k] == (float)(bound * philox_uniform(counter, 9)));
      if (name_ends(tensor->name, "running_mean")) assert_true(rows[k] == 0);
      if (name_ends(tensor->name, "running_var") || name_ends(tensor->name, "conv1.1.weight")) assert_true(rows[k] == 1);
    }
    place++;
  }
  free(packed);
  free(rows);
  parameters_destroy(&parameters);
}

// ---------------------------------------------------------------------------------------------------------------------
// What is refused

static void a_missing_tensor_is_named(void **state) {
  (void)state;
  static const char *const names[] = {"down1.model.1.conv2.0.weight", "up0.1.bias", "out.3.bias",
                                      "init_conv.conv1.1.running_mean", "timeembed1.model.2.bias"};
  for (size_t i = 0; i < COUNT(names); i++) {
    weights *w = make();
    weights_remove(w, names[i]);
    char expected[NAME_BYTES + 30];
    snprintf(expected, sizeof expected, "tensor %s is missing", names[i]);
    assert_refused(w, expected);
  }
}

static void a_surplus_tensor_is_named(void **state) {
  (void)state;
  static const char *const names[] = {"down3.model.0.conv1.0.weight", "x", "time", "a.num_batches_trackedx"};
  for (size_t i = 0; i < COUNT(names); i++) {
    weights *w = make();
    weights_add(w, names[i], 1, (uint64_t[]){3});
    char expected[NAME_BYTES + 30];
    snprintf(expected, sizeof expected, "tensor %s is not part of a context_unet", names[i]);
    assert_refused(w, expected);
  }
}

static void a_wrong_shape_is_named_with_the_right_one(void **state) {
  (void)state;
  static const struct {
    const char *name, *expected;
    int dim_count;
    uint64_t dims[4];
  } cases[] = {
      {"down2.model.0.conv1.0.weight", "has shape (16, 8, 9), expected (16, 8, 3, 3)", 3, {16, 8, 9}},
      {"down2.model.0.conv1.0.weight", "has shape (8, 16, 3, 3), expected (16, 8, 3, 3)", 4, {8, 16, 3, 3}},
      {"out.3.bias", "has shape (1, 3), expected (3)", 2, {1, 3}},
      {"up1.model.0.weight", "has shape (8, 32, 2, 2), expected (32, 8, 2, 2)", 4, {8, 32, 2, 2}},
      {"timeembed1.model.2.weight", "has shape (16, 16, 1, 1), expected (16, 16)", 4, {16, 16, 1, 1}},
      {"contextembed2.model.0.weight", "has shape (5, 8), expected (8, 5)", 2, {5, 8}},
      {"up0.1.weight", "has shape (), expected (16)", 0, {0}},
      {"up0.1.weight", "has shape (0), expected (16)", 1, {0}},
  };
  for (size_t i = 0; i < COUNT(cases); i++) {
    weights *w = make();
    weights_remove(w, cases[i].name);
    weights_add(w, cases[i].name, cases[i].dim_count, cases[i].dims);
    char expected[2 * NAME_BYTES];
    snprintf(expected, sizeof expected, "tensor %s %s", cases[i].name, cases[i].expected);
    assert_refused(w, expected);
  }
}

static void a_type_that_is_no_float_is_named(void **state) {
  (void)state;
  weights *w = make();
  size_t bytes;
  uint8_t *data = weights_bytes(w, &bytes);
  patch(data, bytes, "up1.model.2.conv1.0.bias", "\"F32\"", "\"I32\"");
  assert_refused_bytes(data, bytes, "tensor up1.model.2.conv1.0.bias is of type I32, expected F32, F16, BF16 or F64");
  free(data);
  weights_free(&w);
}

static void metadata_that_cannot_be_is_named_with_what_was_found(void **state) {
  (void)state;
  static const struct {
    const char *key, *value, *expected;
  } cases[] = {
      {"architecture", "resnet", "metadata architecture is 'resnet', expected one of context_unet"},
      {"schedule", "quadratic", "metadata schedule is 'quadratic', expected one of linear, cosine"},
      {"prediction", "", "metadata prediction is '', expected one of epsilon, v, x0"},
      {"beta_start", "0.9", "beta_start is 0.9, expected at most beta_end, which is 0.02"},
      {"beta_start", "nan", "metadata beta_start is 'nan', a number was expected"},
      {"beta_start", "inf", "metadata beta_start is 'inf'"},
      {"beta_start", "-0.1", "beta_start is -0.1, expected more than 0 and less than 1"},
      {"beta_end", "NaN", "metadata beta_end is 'NaN'"},
      {"beta_end", "1", "beta_end is 1, expected more than 0 and less than 1"},
      {"beta_end", "0,02", "metadata beta_end is '0,02'"},
      {"context_drop", "2", "context_drop is 2, expected 0 to 1"},
      {"steps", "501", "steps is 501, expected 0 to 500"},
      {"timesteps", "4294967796", "metadata timesteps is '4294967796', an integer was expected"},
      {"beta_end", "0.02x", "metadata beta_end is '0.02x'"},
      {"beta_end", "", "metadata beta_end is ''"},
      {"timesteps", "nan", "metadata timesteps is 'nan', an integer was expected"},
      {"timesteps", "500.5", "metadata timesteps is '500.5', an integer"},
      {"timesteps", "", "metadata timesteps is '', an integer"},
      {"timesteps", "0", "timesteps is 0, expected 1 to 100000"},
      {"timesteps", "-5", "timesteps is -5, expected"},
      {"timesteps", "99999999999999999999", "timesteps is "},
      {"channels", "4", "metadata channels is 4, but the tensors' shapes say 3"},
      {"height", "16", "metadata height is 16, but the tensors' shapes say 8"},
      {"n_feat", "64", "metadata n_feat is 64, but the tensors' shapes say 8"},
      {"n_feat", "nan", "metadata n_feat is 'nan', an integer"},
      {"n_cfeat", "6", "metadata n_cfeat is 6, but the tensors' shapes say 5"},
      {"n_cfeat", "-1", "metadata n_cfeat is -1, but"},
      {"width", "16", "width is 16, expected the height, which is 8"},
      {"width", "12.5", "metadata width is '12.5', an integer was expected"},
      {"labels", "a,b,c,d", "labels names 4, expected none or n_cfeat, which is 5"},
      {"labels", "a,b,c,d,e,f", "labels names 6, expected none or n_cfeat, which is 5"},
      {"labels", "a,,b,c,d", "label 2 of labels is \"\", expected 1 to 31 bytes"},
      {"labels", "a,b,c,d,", "label 5 of labels is \"\", expected 1 to 31 bytes"},
      {"labels", "a,b,c,d,a_label_of_thirty-two_bytes_or_so", "label 5 of labels is \"a_label"},
      {"labels", "a,b,c,d,a", "labels 1 and 5 of labels are both \"a\""},
      {"labels", "a,b,c=1,d,e", "label 3 of labels is \"c=1\", expected no comma"},
      {"attributes", "kind=4", "attributes name 4 labels, expected n_cfeat of them, which is 5, and labels, which name 5"},
      {"attributes", "kind=6", "attributes name 6 labels"},
      {"attributes", "kind", "attributes: found \"kind\", expected NAME=LABELS or NAME=LOW:HIGH"},
      {"attributes", "kind=4,=1", "attributes name \"\", expected 1 to 31 bytes"},
      {"attributes", "kind=4,", "attributes: found \"\""},
      {"attributes", "kind=5x", "attributes: found \"kind=5x\""},
      {"attributes", "kind=4.5,size=1:2", "attributes: found \"kind=4.5\""},
      {"attributes", "kind=0,colour=5", "attributes: found \"kind=0\""},
      {"attributes", "kind=1e99", "attributes: found \"kind=1e99\""},
      {"attributes", "kind=4,size=1:", "attributes: found \"size=1:\""},
      {"attributes", "kind=4,size=2:1", "attribute size is 1 numbers from 2 to 1, expected one, and finite bounds"},
      {"attributes", "kind=4,size=-1e308:1e308", "expected one, and finite bounds"},
      {"attributes", "kind=2,kind=3", "attributes name \"kind\" twice"},
      {"attributes", "a:b=5", "attributes name \"a:b\", expected no colon"},
      {"attributes", "a_name_of_thirty-two_bytes_or_so=5", "attributes: found \"a_name"},
      {"labels", "a,b,\x1b[2J,d,e", "label 3 of labels is \"\\x1b[2J\", expected UTF-8"},
  };
  for (size_t i = 0; i < COUNT(cases); i++) {
    weights *w = make();
    if (!strcmp(cases[i].key, "attributes")) weights_set(w, "labels", "a,b,c,d,e");
    weights_set(w, cases[i].key, cases[i].value);
    assert_refused(w, cases[i].expected);
  }
}

static void shapes_out_of_range_are_refused_without_metadata_too(void **state) {
  (void)state;
  static const struct {
    const char *key, *tensor, *expected;
    int dim_count;
    uint64_t dims[4];
  } cases[] = {
      {"channels", "init_conv.conv1.0.weight", "channels is 5, expected 1 to 4", 4, {8, 5, 3, 3}},
      {"n_feat", "init_conv.conv1.0.weight", "n_feat is 12, expected 8 to 1024, a multiple of 8", 4, {12, 3, 3, 3}},
      {"n_feat", "init_conv.conv1.0.weight", "n_feat is 0, expected 8", 4, {0, 3, 3, 3}},
      {"n_cfeat", "contextembed1.model.0.weight", "n_cfeat is 1025, expected 1 to 1024", 2, {16, 1025}},
      {"height", "up0.0.weight", "height is 0, expected 4 to 256", 4, {16, 16, 0, 0}},
      {"height", "up0.0.weight", "no metadata height, and no tensor to infer it from", 1, {16}},
  };
  for (size_t i = 0; i < COUNT(cases); i++) {
    weights *w = make();
    weights_set(w, cases[i].key, NULL);
    weights_remove(w, cases[i].tensor);
    weights_add(w, cases[i].tensor, cases[i].dim_count, cases[i].dims);
    assert_refused(w, cases[i].expected);
  }
}

static void files_that_hold_no_model_are_refused(void **state) {
  (void)state;
  mote_error error = {0};
  mote_model *model = (mote_model *)1;
  assert_int_equal(mote_model_load_file(device, "/absent/model.safetensors", &model, &error), MOTE_ERROR_FILE);
  assert_error(&error, MOTE_ERROR_FILE, "/absent/model.safetensors: ");
  assert_null(model);
  assert_refused_bytes("", 0, "is empty, expected a safetensors file");
  assert_refused_bytes("\x02\0\0\0\0\0\0\0{}", 10, "not a context_unet");
  weights *w = make();
  size_t bytes;
  uint8_t *data = weights_bytes(w, &bytes);
  assert_refused_bytes(data, bytes - 1, "is it cut short?");
  free(data);
  weights_free(&w);
}

static void weights_that_are_not_finite_are_named(void **state) {
  (void)state;
  static const struct {
    const char *name;
    float value;
    const char *expected;
  } cases[] = {{"out.3.weight", NAN, "tensor out.3.weight is not finite: number 2 is nan"},
               {"out.3.weight", INFINITY, "tensor out.3.weight is not finite: number 2 is inf"},
               {"init_conv.conv1.1.running_mean", -INFINITY, "tensor init_conv.conv1.1.running_mean is not finite"},
               {"init_conv.conv1.1.running_var", -1, "init_conv.conv1.1.running_var: number 2 is -1, expected a variance"}};
  for (size_t i = 0; i < COUNT(cases); i++) {
    weights *w = make();
    ((float *)(uintptr_t)weights_find(w, cases[i].name)->data)[2] = cases[i].value;
    assert_refused(w, cases[i].expected);
  }
  // What F64 holds and fp32 does not: two numbers of F32 in the place of one.
  weights *w = make();
  size_t bytes;
  const uint64_t dims[] = {6};
  weights_remove(w, "out.3.bias");
  weights_add(w, "out.3.bias", 1, dims);
  uint8_t *data = weights_bytes(w, &bytes);
  patch(data, bytes, "out.3.bias", "\"F32\"", "\"F64\"");
  patch(data, bytes, "out.3.bias", "[6]", "[3]");
  const double large[3] = {1, 2, 1e300};
  safetensors *st;
  mote_error error = {0};
  MUST(safetensors_parse("test.st", data, bytes, &st, &error));
  memcpy(data + (safetensors_find(st, "out.3.bias")->data - data), large, sizeof large);
  safetensors_destroy(&st);
  assert_refused_bytes(data, bytes, "tensor out.3.bias is not finite: number 2 is inf");
  free(data);
  weights_free(&w);
}

static void a_prefix_of_all_names_is_left_out_and_said(void **state) {
  (void)state;
  static const char *const prefixes[] = {"module.", "_orig_mod.", "module._orig_mod.", "model.diffusion_model.", "x."};
  float *plain = malloc(IMAGE * sizeof *plain), *prefixed = malloc(IMAGE * sizeof *prefixed);
  weights *w = make();
  load_and_answer(w, plain);
  weights_free(&w);
  for (size_t i = 0; i < COUNT(prefixes); i++) {
    w = make();
    for (size_t k = 0; k < w->count; k++) {
      char name[NAME_BYTES];
      snprintf(name, sizeof name, "%s%.*s", prefixes[i], 60, w->names[k]);
      strcpy(w->names[k], name);
    }
    if (i == 0) weights_add(w, "n_averaged", 0, NULL);  // as AveragedModel writes it
    said = (test_log){0};
    load_and_answer(w, prefixed);
    assert_contains(said.text, prefixes[i]);
    assert_memory_equal(plain, prefixed, IMAGE * sizeof *plain);
    weights_free(&w);
  }
  free(plain);
  free(prefixed);
  w = make();
  strcpy(w->names[weights_find(w, "out.3.bias") - w->tensors], "ema.out.3.bias");
  assert_refused(w, "tensor ema.out.3.bias is not part of a context_unet");
}

// x_0 = (x - √(1 - ᾱ) · ε)/√ᾱ with √ᾱ of 1e-4 is thousands, unless it is clipped.
static void epsilon_on_the_cosine_schedule_makes_values_of_images(void **state) {
  (void)state;
  mote_error error = {0};
  mote_model_info info = SMALL_MODEL;
  info.schedule = MOTE_SCHEDULE_COSINE;
  info.prediction = MOTE_PREDICT_EPSILON;
  mote_model *model = test_model(device, info);
  float images[IMAGE];
  for (int kind = MOTE_SAMPLER_DDIM; kind <= MOTE_SAMPLER_HEUN; kind++) {
    mote_sampler *sampler;
    MUST(mote_sampler_create(&(mote_sampler_desc){.model = model, .kind = (mote_sampler_kind)kind, .steps = 25}, &sampler,
                             &error));
    MUST(mote_sampler_begin(sampler, &(mote_sampler_request){.seed = 3}, &error));
    MUST(mote_sampler_run(sampler, mote_sampler_step_count(sampler), &error));
    MUST(mote_sampler_read(sampler, images, &error));
    for (int i = 0; i < IMAGE; i++)
      if (!(fabsf(images[i]) < 2)) fail_msg("sampler %d: %g", kind, (double)images[i]);
    mote_sampler_destroy(&sampler);
  }
  mote_model_destroy(&model);
}

static void steps_out_of_range_are_refused(void **state) {
  (void)state;
  mote_model *model = test_model(device, SMALL_MODEL);
  mote_error error = {0};
  float *x = test_numbers(1, 2 * IMAGE), *y = test_numbers(2, 2 * IMAGE);
  mote_forward_desc desc = {.batch = 2, .x = x, .steps = (int32_t[]){500, 501}};
  assert_int_equal(mote_model_forward(model, &desc, y, &error), MOTE_ERROR_USAGE);
  assert_error(&error, MOTE_ERROR_USAGE, "steps[1] is 501, expected 0 to 500");
  desc.batch = 0;
  assert_int_equal(mote_model_forward(model, &desc, y, &error), MOTE_ERROR_USAGE);
  desc.batch = 4097;
  assert_int_equal(mote_model_forward(model, &desc, y, &error), MOTE_ERROR_USAGE);
  desc.batch = 1;
  MUST(mote_model_forward(model, &desc, y, &error));
  free(x);
  free(y);
  mote_model_destroy(&model);
}

static void descriptions_without_their_arrays_are_refused(void **state) {
  (void)state;
  mote_model *model = test_model(device, SMALL_MODEL);
  mote_error error = {0};
  float x[IMAGE] = {0}, y[IMAGE];
  double loss;
  const int32_t step = 1;
  mote_model_forward(model, &(mote_forward_desc){.batch = 1, .steps = &step}, y, &error);
  assert_error(&error, MOTE_ERROR_USAGE, "desc->x is NULL");
  mote_model_forward(model, &(mote_forward_desc){.batch = 1, .x = x}, y, &error);
  assert_error(&error, MOTE_ERROR_USAGE, "desc->steps is NULL");
  mote_model_backward(model, &(mote_backward_desc){.batch = 1, .x0 = x, .steps = &step}, "never", &loss, &error);
  assert_error(&error, MOTE_ERROR_USAGE, "expected x0 and noise, or x and target, and nothing of the other two");
  mote_model_backward(model, &(mote_backward_desc){.batch = 1, .x0 = x, .noise = x, .target = x, .steps = &step}, "never", &loss,
                      &error);
  assert_error(&error, MOTE_ERROR_USAGE, "expected x0 and noise, or x and target, and nothing of the other two");
  mote_model_destroy(&model);
}

// Last, and a test: cmocka takes no notice of a group teardown that fails.
static void nothing_is_left_on_the_device_at_the_end(void **state) {
  (void)state;
  test_device_end(&device);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_default_network_has_1481027_parameters_and_150_66_million_multiply_adds),
      cmocka_unit_test(metadata_is_taken_as_it_stands),
      cmocka_unit_test(absent_metadata_is_inferred_and_said),
      cmocka_unit_test(initial_weights_are_drawn_by_the_place_among_the_parameters),
      cmocka_unit_test(metadata_that_no_network_has_are_passed_over_and_said_in_one_line),
      cmocka_unit_test(batch_counters_of_pytorch_are_passed_over),
      cmocka_unit_test(a_missing_shortcut_is_said_and_seeded_alike_every_time),
      cmocka_unit_test(half_weights_answer_like_the_floats_that_they_are),
      cmocka_unit_test(other_sizes_load_and_run_from_a_file),
      cmocka_unit_test(a_missing_tensor_is_named),
      cmocka_unit_test(a_surplus_tensor_is_named),
      cmocka_unit_test(a_wrong_shape_is_named_with_the_right_one),
      cmocka_unit_test(a_type_that_is_no_float_is_named),
      cmocka_unit_test(metadata_that_cannot_be_is_named_with_what_was_found),
      cmocka_unit_test(shapes_out_of_range_are_refused_without_metadata_too),
      cmocka_unit_test(files_that_hold_no_model_are_refused),
      cmocka_unit_test(weights_that_are_not_finite_are_named),
      cmocka_unit_test(a_prefix_of_all_names_is_left_out_and_said),
      cmocka_unit_test(epsilon_on_the_cosine_schedule_makes_values_of_images),
      cmocka_unit_test(steps_out_of_range_are_refused),
      cmocka_unit_test(descriptions_without_their_arrays_are_refused),
      cmocka_unit_test(nothing_is_left_on_the_device_at_the_end),
  };
  return cmocka_run_group_tests_name("model", tests, open_device, NULL);
}
