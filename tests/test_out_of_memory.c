// test_out_of_memory.c: every malloc, calloc and realloc of the library fails in turn: the call says so, leaves nothing
// behind, and works the next time. The linker puts the functions below in their place (tests/CMakeLists.txt).
#include "tests/support.h"

void *__real_malloc(size_t bytes);
void *__real_calloc(size_t count, size_t bytes);
void *__real_realloc(void *old, size_t bytes);
void __real_free(void *memory);
void *__wrap_malloc(size_t bytes);
void *__wrap_calloc(size_t count, size_t bytes);
void *__wrap_realloc(void *old, size_t bytes);
void __wrap_free(void *memory);

static struct {
  long calls, fail_at;  // the so many-th allocation fails, counted from 1; 0: none
  long live;            // allocations that were not freed
} heap;

static bool refused(void) { return ++heap.calls == heap.fail_at; }

static void *counted(void *memory) {
  heap.live += memory != NULL;
  return memory;
}

void *__wrap_malloc(size_t bytes) { return refused() ? NULL : counted(__real_malloc(bytes)); }
void *__wrap_calloc(size_t count, size_t bytes) { return refused() ? NULL : counted(__real_calloc(count, bytes)); }

void *__wrap_realloc(void *old, size_t bytes) {
  if (refused()) return NULL;
  void *memory = __real_realloc(old, bytes);
  if (!old) heap.live += memory != NULL;
  return memory;
}

void __wrap_free(void *memory) {
  heap.live -= memory != NULL;
  __real_free(memory);
}

// ---------------------------------------------------------------------------------------------------------------------

static mote_device *device;
static uint8_t *file;  // of a small model
static size_t file_bytes;
static char path_of_file[] = "/tmp/mote_out_of_memory_XXXXXX";

typedef mote_status subject(mote_error *error);

// Of the device alone: whether an extension is there is then answered with no, and the device made without it.
static bool optional;

static mote_status make_device(mote_error *error) {
  mote_device *made;
  TRY(mote_device_create(&(mote_device_desc){.select = getenv("MOTE_TEST_DEVICE")}, &made, error));
  mote_device_destroy(&made);
  return MOTE_OK;
}

static mote_status load_model(mote_error *error) {
  mote_model *model;
  TRY(mote_model_load_memory(device, "test.st", file, file_bytes, &model, error));
  mote_model_destroy(&model);
  return MOTE_OK;
}

static mote_status load_file(mote_error *error) {
  mote_model *model;
  TRY(mote_model_load_file(device, path_of_file, &model, error));
  mote_model_destroy(&model);
  return MOTE_OK;
}

static mote_status sample(mote_error *error) {
  mote_model *model;
  mote_sampler *sampler = NULL;
  uint8_t pixels[2 * 8 * 8 * 3];
  TRY(mote_model_load_memory(device, "test.st", file, file_bytes, &model, error));
  mote_status status = mote_sampler_create(
      &(mote_sampler_desc){
          .model = model, .kind = MOTE_SAMPLER_DPMPP_SDE, .steps = 2, .batch = 2, .guidance = 2, .threshold = 0.9},
      &sampler, error);
  if (!status) status = mote_sampler_begin(sampler, &(mote_sampler_request){.seed = 1}, error);
  if (!status) status = mote_sampler_run(sampler, 2, error);
  if (!status) status = mote_sampler_read_pixels(sampler, pixels, error);
  mote_sampler_destroy(&sampler);
  mote_model_destroy(&model);
  return status;
}

static mote_status train(mote_error *error) {
  static const uint8_t images[4 * 8 * 8 * 3];
  char path[] = "/tmp/mote_out_of_memory_XXXXXX";
  int descriptor = mkstemp(path);
  if (descriptor >= 0) close(descriptor);
  const mote_trainer_desc desc = {.device = device,
                                  .model = SMALL_MODEL,
                                  .data = {3, images, NULL},
                                  .validation = {1, images, NULL},
                                  .batch = 2,
                                  .accumulate = 2,
                                  .lr_schedule = MOTE_LR_CONSTANT};
  mote_trainer *trainer = NULL;
  float loss;
  double held_out;
  mote_status status = mote_trainer_create(&desc, &trainer, error);
  if (!status) status = mote_trainer_run(trainer, 1, &loss, error);
  if (!status) status = mote_trainer_validate(trainer, &held_out, error);
  if (!status) status = mote_trainer_save_state(trainer, path, error);
  if (!status) status = mote_trainer_load_state(trainer, path, error);
  if (!status) status = mote_trainer_save_weights(trainer, path, true, error);
  mote_trainer_destroy(&trainer);
  unlink(path);
  return status;
}

// Fails every allocation of the first hundred, then an ever smaller share of them, and the last ones again.
static void fail_in_turn(subject *run) {
  mote_error error = {0};
  MUST(run(&error));  // pipelines and what else stays with the device is made
  heap.calls = heap.fail_at = 0;
  MUST(run(&error));
  long count = heap.calls, live = heap.live, tried = 0;
  for (long n = 1; n <= count; n += n < 100 || n > count - 50 ? 1 : 1 + n / 150) {
    error = (mote_error){0};
    heap.calls = 0;
    heap.fail_at = n;
    mote_status status = run(&error);
    heap.fail_at = 0;
    if (optional && !status) continue;
    if (status != MOTE_ERROR_MEMORY || error.status != status || !error.message[0])
      fail_msg("allocation %ld of %ld failed: status %d, \"%s\"", n, count, status, error.message);
    if (heap.live != live) fail_msg("allocation %ld of %ld failed: %ld are left", n, count, heap.live - live);
    tried++;
  }
  MUST(run(&error));
  print_message("%ld of %ld allocations failed in turn\n", tried, count);
  assert_true(count > 5);
}

static void devices(void **state) {
  (void)state;
  optional = true;
  fail_in_turn(make_device);
  optional = false;
}

static void models(void **state) {
  (void)state;
  fail_in_turn(load_model);
  fail_in_turn(load_file);
}

static void samplers(void **state) {
  (void)state;
  fail_in_turn(sample);
}

static void trainers(void **state) {
  (void)state;
  fail_in_turn(train);
}

static int set_up(void **state) {
  (void)state;
  device = test_device((mote_device_desc){0});
  mote_model_info info = SMALL_MODEL;
  weights *w = weights_make(&info);
  file = weights_bytes(w, &file_bytes);
  weights_free(&w);
  int descriptor = mkstemp(path_of_file);
  if (descriptor < 0 || write(descriptor, file, file_bytes) != (ssize_t)file_bytes || close(descriptor)) return -1;
  return 0;
}

static void the_device_ends_with_nothing_on_it(void **state) {
  (void)state;
  free(file);
  unlink(path_of_file);
  test_device_end(&device);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(devices),
      cmocka_unit_test(models),
      cmocka_unit_test(samplers),
      cmocka_unit_test(trainers),
      cmocka_unit_test(the_device_ends_with_nothing_on_it),
  };
  return cmocka_run_group_tests(tests, set_up, NULL);
}
