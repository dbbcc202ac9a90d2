// test_errors.c: every public function that takes an error clears it where it succeeds, and refuses NULL where something is
// needed. The list of functions is the headers' own.
#include "tests/embedding/host.h"

enum { HEIGHT = 8, IMAGE = 3 * HEIGHT * HEIGHT, CONTEXT = 5 };

// What the calls below work on.
static struct {
  host host;
  mote_device *device;
  mote_model *model, *classifier;
  mote_sampler *sampler;
  mote_trainer *trainer, *judging;  // the classifier is the second's
  host_buffer buffer;
  host_image image;
  char path[64];
} t;

static uint8_t pixels[4 * IMAGE];
static float numbers[4 * IMAGE];

static const mote_trainer_desc training = {.model = {.channels = 3, .height = HEIGHT, .n_feat = 8, .n_cfeat = 2},
                                           .data = {4, pixels, NULL},
                                           .validation = {2, pixels, NULL},
                                           .batch = 2,
                                           .total_steps = 90,
                                           .recorded = true};

static mote_trainer_desc trainer_desc(void) {
  mote_trainer_desc desc = training;
  desc.device = t.device;
  return desc;
}

static mote_sampler_desc sampler_desc(void) {
  return (mote_sampler_desc){.model = t.model, .steps = 3, .recorded = true};
}

static mote_status adopt(mote_error *error) {
  mote_device *device;
  const mote_device_adopt_desc desc = host_desc(&t.host);
  mote_status status = mote_device_adopt(&desc, &device, error);
  mote_device_destroy(&device);
  return status;
}

static mote_status create_device(mote_error *error) {
  mote_device *device;
  mote_status status = mote_device_create(&(mote_device_desc){.select = getenv("MOTE_TEST_DEVICE")}, &device, error);
  mote_device_destroy(&device);
  return status;
}

static mote_status list_devices(mote_error *error) {
  mote_device_info *infos;
  size_t count;
  mote_status status = mote_device_list(&infos, &count, error);
  mote_free(infos);
  return status;
}

static mote_status load_file(mote_error *error) {
  mote_model *model;
  mote_status status = mote_model_load_file(t.device, t.path, &model, error);
  mote_model_destroy(&model);
  return status;
}

static mote_status load_memory(mote_error *error) {
  size_t bytes;
  mote_model *model;
  weights *w = weights_make(&SMALL_MODEL);
  uint8_t *data = weights_bytes(w, &bytes);
  mote_status status = mote_model_load_memory(t.device, "test.st", data, bytes, &model, error);
  mote_model_destroy(&model);
  weights_free(&w);
  free(data);
  return status;
}

static const int32_t timesteps[] = {3};

static mote_status forward(mote_error *error) {
  return mote_model_forward(t.model, &(mote_forward_desc){.batch = 1, .x = numbers, .steps = timesteps}, numbers + IMAGE, error);
}

static mote_status classify(mote_error *error) {
  return mote_model_classify(t.classifier, 1, numbers, numbers + IMAGE, NULL, error);
}

static mote_status backward(mote_error *error) {
  double loss;
  const mote_backward_desc desc = {.batch = 1, .x0 = numbers, .noise = numbers, .steps = timesteps};
  return mote_model_backward(t.model, &desc, t.path, &loss, error);
}

static mote_status create_trainer(mote_error *error) {
  mote_trainer *trainer;
  const mote_trainer_desc desc = trainer_desc();
  mote_status status = mote_trainer_create(&desc, &trainer, error);
  mote_trainer_destroy(&trainer);
  return status;
}

static mote_status trainer_needs(mote_error *error) {
  mote_needs needs;
  const mote_trainer_desc desc = trainer_desc();
  return mote_trainer_get_needs(&desc, &needs, error);
}

static mote_status run_trainer(mote_error *error) { return mote_trainer_run(t.trainer, 1, NULL, error); }
static mote_status move_end(mote_error *error) { return mote_trainer_set_total_steps(t.trainer, 80, error); }
static mote_status save_state(mote_error *error) { return mote_trainer_save_state(t.trainer, t.path, error); }
static mote_status load_state(mote_error *error) { return mote_trainer_load_state(t.trainer, t.path, error); }
static mote_status save_weights(mote_error *error) { return mote_trainer_save_weights(t.trainer, t.path, false, error); }

static mote_status validate(mote_error *error) {
  double loss;
  return mote_trainer_validate(t.trainer, &loss, error);
}

static mote_status get_model(mote_error *error) {
  mote_model *model;
  return mote_trainer_get_model(t.trainer, &model, error);
}

static mote_status create_sampler(mote_error *error) {
  mote_sampler *sampler;
  const mote_sampler_desc desc = sampler_desc();
  mote_status status = mote_sampler_create(&desc, &sampler, error);
  mote_sampler_destroy(&sampler);
  return status;
}

static mote_status sampler_needs(mote_error *error) {
  mote_needs needs;
  const mote_sampler_desc desc = sampler_desc();
  return mote_sampler_get_needs(&desc, &needs, error);
}

static mote_status begin(mote_error *error) { return mote_sampler_begin(t.sampler, &(mote_sampler_request){0}, error); }
static mote_status run(mote_error *error) { return mote_sampler_run(t.sampler, 1, error); }
static mote_status read_floats(mote_error *error) { return mote_sampler_read(t.sampler, numbers, error); }
static mote_status read_pixels(mote_error *error) { return mote_sampler_read_pixels(t.sampler, pixels, error); }

// One submission a record.
static mote_status submitted(mote_status status) {
  host_submit(&t.host);
  return status;
}

static mote_status record_begin(mote_error *error) {
  return submitted(mote_sampler_record_begin(t.sampler, host_begin(&t.host), &(mote_sampler_request){0}, error));
}

static mote_status record(mote_error *error) {
  return submitted(mote_sampler_record(t.sampler, host_begin(&t.host), 1, MOTE_NO_BUDGET, NULL, error));
}

static mote_status record_several(mote_error *error) {
  return submitted(mote_samplers_record(&t.sampler, 1, host_begin(&t.host), MOTE_NO_BUDGET, NULL, error));
}

static mote_status record_image(mote_error *error) {
  const mote_image_output output = {.image = t.image.handle,
                                    .format = VK_FORMAT_R8G8B8A8_UNORM,
                                    .width = HEIGHT,
                                    .height = HEIGHT,
                                    .new_layout = VK_IMAGE_LAYOUT_GENERAL};
  return submitted(mote_sampler_record_image(t.sampler, host_begin(&t.host), &output, error));
}

static mote_status record_buffer(mote_error *error) {
  return submitted(mote_sampler_record_buffer(t.sampler, host_begin(&t.host), t.buffer.handle, 0, error));
}

static mote_status record_training(mote_error *error) {
  return submitted(mote_trainer_record(t.trainer, host_begin(&t.host), 1, error));
}

static mote_status collect(mote_error *error) {
  uint32_t count;
  return mote_trainer_collect(t.trainer, NULL, 0, &count, error);
}

// With NULL for everything that can be NULL: the call is refused, or NULL is among what it takes.
#define X(name, call)                                                     \
  static mote_status none_##name(mote_error *error) { return name call; }
X(mote_device_list, (NULL, NULL, error))
X(mote_device_create, (NULL, NULL, error))
X(mote_device_adopt, (NULL, NULL, error))
X(mote_model_load_file, (t.device, NULL, NULL, error))
X(mote_model_load_memory, (t.device, NULL, NULL, 0, NULL, error))
X(mote_model_forward, (t.model, NULL, NULL, error))
X(mote_model_classify, (t.classifier, 1, NULL, NULL, NULL, error))
X(mote_model_backward, (t.model, NULL, NULL, NULL, error))
X(mote_trainer_create, (NULL, NULL, error))
X(mote_trainer_get_needs, (NULL, NULL, error))
X(mote_trainer_run, (NULL, 1, NULL, error))
X(mote_trainer_set_total_steps, (NULL, 1, error))
X(mote_trainer_validate, (t.trainer, NULL, error))
X(mote_trainer_get_model, (t.trainer, NULL, error))
X(mote_trainer_save_weights, (t.trainer, NULL, false, error))
X(mote_trainer_save_state, (t.trainer, NULL, error))
X(mote_trainer_load_state, (t.trainer, NULL, error))
X(mote_trainer_record, (t.trainer, NULL, 1, error))
X(mote_trainer_collect, (t.trainer, NULL, 0, NULL, error))
X(mote_sampler_create, (NULL, NULL, error))
X(mote_sampler_get_needs, (NULL, NULL, error))
X(mote_sampler_begin, (t.sampler, NULL, error))
X(mote_sampler_run, (NULL, 1, error))
X(mote_sampler_read, (t.sampler, NULL, error))
X(mote_sampler_read_pixels, (t.sampler, NULL, error))
X(mote_sampler_record_begin, (t.sampler, t.host.commands, NULL, error))
X(mote_sampler_record, (t.sampler, NULL, 1, 0, NULL, error))
X(mote_samplers_record, (NULL, 1, t.host.commands, 0, NULL, error))
X(mote_sampler_record_image, (t.sampler, t.host.commands, NULL, error))
X(mote_sampler_record_buffer, (t.sampler, NULL, VK_NULL_HANDLE, 0, error))
#undef X

// In an order in which each can succeed. To join another: a row, which the headers' list asks for.
static const struct {
  const char *name;
  mote_status (*call)(mote_error *error), (*none)(mote_error *error);
} functions[] = {
#define ROW(name, call) {#name, call, none_##name},
    ROW(mote_device_list, list_devices)
    ROW(mote_device_create, create_device)
    ROW(mote_device_adopt, adopt)
    ROW(mote_trainer_create, create_trainer)
    ROW(mote_trainer_get_needs, trainer_needs)
    ROW(mote_trainer_run, run_trainer)
    ROW(mote_trainer_set_total_steps, move_end)
    ROW(mote_trainer_validate, validate)
    ROW(mote_trainer_get_model, get_model)
    ROW(mote_trainer_record, record_training)
    ROW(mote_trainer_collect, collect)
    ROW(mote_trainer_save_state, save_state)
    ROW(mote_trainer_load_state, load_state)
    ROW(mote_trainer_save_weights, save_weights)
    ROW(mote_model_load_file, load_file)
    ROW(mote_model_load_memory, load_memory)
    ROW(mote_model_forward, forward)
    ROW(mote_model_classify, classify)
    ROW(mote_model_backward, backward)
    ROW(mote_sampler_create, create_sampler)
    ROW(mote_sampler_get_needs, sampler_needs)
    ROW(mote_sampler_begin, begin)
    ROW(mote_sampler_run, run)
    ROW(mote_sampler_read, read_floats)
    ROW(mote_sampler_read_pixels, read_pixels)
    ROW(mote_sampler_record_begin, record_begin)
    ROW(mote_sampler_record, record)
    ROW(mote_samplers_record, record_several)
    ROW(mote_sampler_record_image, record_image)
    ROW(mote_sampler_record_buffer, record_buffer)
#undef ROW
};

static int open_all(void **state) {
  (void)state;
  mote_error error = {0};
  t.host = host_open();
  t.device = host_adopt(&t.host);
  t.model = test_model(t.device, SMALL_MODEL);
  mote_trainer_desc judging = trainer_desc();
  static const float classes[8] = {1, 0, 0, 1, 1, 0, 0, 1};
  judging.data.context = judging.validation.context = classes;
  snprintf(judging.model.architecture, sizeof judging.model.architecture, "sprite_classifier");
  MUST(mote_trainer_create(&judging, &t.judging, &error));
  MUST(mote_trainer_get_model(t.judging, &t.classifier, &error));
  const mote_sampler_desc sampling = sampler_desc();
  MUST(mote_sampler_create(&sampling, &t.sampler, &error));
  const mote_trainer_desc desc = trainer_desc();
  MUST(mote_trainer_create(&desc, &t.trainer, &error));
  t.buffer = host_buffer_make(&t.host, HEIGHT * HEIGHT * 4);
  t.image = host_image_make(&t.host, VK_FORMAT_R8G8B8A8_UNORM, HEIGHT, 1);
  snprintf(t.path, sizeof t.path, "/tmp/mote_errors_XXXXXX");
  close(mkstemp(t.path));
  return 0;
}

static int close_all(void **state) {
  (void)state;
  unlink(t.path);
  host_image_free(&t.host, &t.image);
  host_buffer_free(&t.host, &t.buffer);
  mote_trainer_destroy(&t.trainer);
  mote_sampler_destroy(&t.sampler);
  mote_trainer_destroy(&t.judging);
  mote_model_destroy(&t.model);
  mote_device_destroy(&t.device);
  host_close(&t.host);
  return 0;
}

static void success_clears_the_error(void **state) {
  (void)state;
  for (size_t i = 0; i < COUNT(functions); i++) {
    mote_error error = {MOTE_ERROR_FORMAT, "of an earlier call"};
    if (functions[i].call(&error)) fail_msg("%s: %s", functions[i].name, error.message);
    if (error.status || error.message[0]) fail_msg("%s leaves %d, '%s'", functions[i].name, error.status, error.message);
    if (functions[i].call(NULL)) fail_msg("%s without an error fails", functions[i].name);
  }
}

static void nothing_in_the_place_of_something_is_refused(void **state) {
  (void)state;
  for (size_t i = 0; i < COUNT(functions); i++) {
    mote_error error = {0};
    char expected[80];
    snprintf(expected, sizeof expected, "%s: ", functions[i].name);
    functions[i].none(&error);
    assert_error(&error, MOTE_ERROR_USAGE, expected);
    assert_error(&error, MOTE_ERROR_USAGE, " is NULL");
    assert_int_equal(functions[i].none(NULL), MOTE_ERROR_USAGE);
  }
}

static bool is_listed(const char *name, size_t length) {
  for (size_t i = 0; i < COUNT(functions); i++)
    if (strlen(functions[i].name) == length && !memcmp(functions[i].name, name, length)) return true;
  return false;
}

// The path of a header. Compilers are given this file's path from the root or from the build folder, which holds tests/.
static void find_header(const char *name, char *path, size_t bytes) {
  char program[1024] = "";
  int folder = (int)(strlen(__FILE__) - strlen("test_errors.c"));
  if (readlink("/proc/self/exe", program, sizeof program - 1) < 0) fail_msg("/proc/self/exe cannot be read");
  *strrchr(program, '/') = 0;
  snprintf(path, bytes, "%s%s%.*s../../include/%s", *__FILE__ == '/' ? "" : program, *__FILE__ == '/' ? "" : "/../", folder,
           __FILE__, name);
}

// How many functions of a header take an error; all of them must be in the table.
static size_t read_header(const char *name) {
  char path[4096];
  mote_error error = {0};
  uint8_t *data = NULL;
  size_t bytes, count = 0;
  find_header(name, path, sizeof path);
  MUST(file_read(path, 1 << 20, &data, &bytes, &error));
  for (const char *at = (char *)data; (at = strstr(at, "MOTE_API mote_status "));) {
    at += strlen("MOTE_API mote_status ");
    const char *end = strchr(at, '('), *close = strstr(at, ");"), *taken = strstr(at, "mote_error *error");
    if (!taken || taken > close) continue;
    if (!is_listed(at, (size_t)(end - at))) fail_msg("%.*s of %s is not tested", (int)(end - at), at, name);
    count++;
  }
  free(data);
  return count;
}

static void every_function_is_in_the_table(void **state) {
  (void)state;
  assert_int_equal(read_header("mote.h") + read_header("mote_vulkan.h"), COUNT(functions));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_function_is_in_the_table),
      cmocka_unit_test(success_clears_the_error),
      cmocka_unit_test(nothing_in_the_place_of_something_is_refused),
  };
  return cmocka_run_group_tests(tests, open_all, close_all);
}
