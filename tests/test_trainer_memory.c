// test_trainer_memory.c: what a trainer takes from the device is known before; where there is too little the largest batch is named;
// and images that the device does not hold are read from the host with no other bits.
#include "tests/support.h"

#include <unistd.h>

#include "graph/diffusion/trainer.h"
#include "runtime/hash.h"

enum { IMAGES = 1400, HELD_OUT = 3, HEIGHT = 8, EACH = HEIGHT * HEIGHT * 3, CONTEXTS = 2, LIMIT = 1 << 18, MOST_STEPS = 64 };

static uint8_t pixels[(IMAGES + HELD_OUT) * EACH];
static float contexts[(IMAGES + HELD_OUT) * CONTEXTS];

static void fill_data(void) {
  for (size_t i = 0; i < sizeof pixels; i++) pixels[i] = (uint8_t)(i / EACH * 37 + i % EACH * (1 + i / EACH % 5));
  for (size_t i = 0; i < IMAGES + HELD_OUT; i++) contexts[i * CONTEXTS + i % CONTEXTS] = 1;
}

static mote_trainer_desc small(mote_device *device) {
  return (mote_trainer_desc){
      .device = device,
      .model = {.channels = 3, .height = HEIGHT, .n_feat = 8, .n_cfeat = CONTEXTS, .timesteps = 50, .prediction = MOTE_PREDICT_V},
      .data = {IMAGES, pixels, contexts},
      .validation = {HELD_OUT, pixels + IMAGES * EACH, contexts + IMAGES * CONTEXTS},
      .batch = 4,
      .total_steps = 100,
      .context_drop = 0.1,
      .flip = 0.5,
      .shift = 1,
      .clip = 1,
      .seed = 5};
}

static mote_trainer *create(const mote_trainer_desc *desc) {
  mote_error error = {0};
  mote_trainer *trainer;
  MUST(mote_trainer_create(desc, &trainer, &error));
  return trainer;
}

static const char *path_of_state(void) {
  static char path[64];
  snprintf(path, sizeof path, "/tmp/mote-memory-%d-state", (int)getpid());
  return path;
}

static uint64_t hash_of(mote_trainer *trainer) {
  mote_error error = {0};
  MUST(mote_trainer_save_state(trainer, path_of_state(), &error));
  FILE *file = fopen(path_of_state(), "rb");
  assert_non_null(file);
  uint64_t hash = HASH_START;
  for (int byte; (byte = getc(file)) != EOF;) hash = hash_bytes(hash, &(uint8_t){(uint8_t)byte}, 1);
  fclose(file);
  remove(path_of_state());
  return hash;
}

// ---------------------------------------------------------------------------------------------------------------------
// Images on the host

typedef struct outcome {
  uint64_t state;
  double held_out;
  float losses[MOST_STEPS];
} outcome;

static outcome train(mote_trainer *trainer, int steps) {
  mote_error error = {0};
  outcome made = {0};
  MUST(mote_trainer_run(trainer, steps, made.losses, &error));
  MUST(mote_trainer_validate(trainer, &made.held_out, &error));
  made.state = hash_of(trainer);
  return made;
}

static void images_on_the_host_give_the_same_bits(void **state) {
  (void)state;
  static const struct {
    int batch, accumulate, steps, submissions;  // the last: at least
  } cases[] = {{4, 1, MOST_STEPS, 1}, {4, 1, MOST_STEPS, 1}, {4, 3, 30, 2}, {8, 33, 2, 4}};
  mote_device *devices[2] = {test_device((mote_device_desc){0}), test_device((mote_device_desc){.binding_limit = LIMIT})};
  for (size_t i = 0; i < COUNT(cases); i++) {
    outcome outcomes[2] = {0};
    for (int on_host = 0; on_host < 2; on_host++) {
      mote_trainer_desc desc = small(devices[on_host]);
      desc.batch = cases[i].batch;
      desc.accumulate = cases[i].accumulate;
      if (i == 1) strcpy(desc.model.architecture, "sprite_classifier");  // whose contexts weigh
      mote_trainer *trainer = create(&desc);
      assert_int_equal(mote_trainer_get_info(trainer).data_on_host, on_host);
      uint64_t before = mote_device_get_counters(desc.device).submissions;
      outcomes[on_host] = train(trainer, cases[i].steps);
      if (on_host) assert_true(mote_device_get_counters(desc.device).submissions - before >= (uint64_t)cases[i].submissions);
      mote_trainer_destroy(&trainer);
    }
    assert_memory_equal(&outcomes[0], &outcomes[1], sizeof outcomes[0]);
  }
  for (int i = 0; i < 2; i++) test_device_end(&devices[i]);
}

// The trainer's own copy, and the caller's that stays; a state goes from one way to the other.
static void a_state_goes_on_wherever_the_images_lie(void **state) {
  (void)state;
  mote_error error = {0};
  mote_device *whole = test_device((mote_device_desc){0}), *tight = test_device((mote_device_desc){.binding_limit = LIMIT});
  mote_trainer_desc on_device = small(whole), on_host = small(tight);
  mote_trainer *trainer = create(&on_device);
  outcome wanted = train(trainer, 20);
  mote_trainer_destroy(&trainer);
  uint8_t *copy = malloc(sizeof pixels);
  assert_non_null(copy);
  memcpy(copy, pixels, sizeof pixels);
  on_host.data.pixels = copy;
  trainer = create(&on_host);
  free(copy);
  MUST(mote_trainer_run(trainer, 7, NULL, &error));
  MUST(mote_trainer_save_state(trainer, path_of_state(), &error));
  mote_trainer_destroy(&trainer);
  on_host.data.pixels = pixels;
  on_host.data_stays = true;
  trainer = create(&on_host);
  MUST(mote_trainer_load_state(trainer, path_of_state(), &error));
  const outcome found = train(trainer, 13);
  assert_int_equal(found.state, wanted.state);
  assert_memory_equal(found.losses, wanted.losses + 7, 13 * sizeof *found.losses);
  mote_trainer_destroy(&trainer);
  test_device_end(&whole);
  test_device_end(&tight);
}

static void a_loss_that_is_not_finite_ends_both_ways_alike(void **state) {
  (void)state;
  uint64_t states[2];
  float losses[2][MOST_STEPS] = {0};
  mote_error errors[2] = {0};
  for (int on_host = 0; on_host < 2; on_host++) {
    mote_device *device = test_device((mote_device_desc){.binding_limit = on_host ? LIMIT : 0});
    mote_trainer_desc desc = small(device);
    desc.learning_rate = desc.weight_decay = 10;
    desc.lr_schedule = MOTE_LR_CONSTANT;
    desc.clip = 0;
    desc.accumulate = 3;
    mote_trainer *trainer = create(&desc);
    for (int i = 0; i < 8 && !errors[on_host].status; i++) mote_trainer_run(trainer, MOST_STEPS, losses[on_host], &errors[on_host]);
    assert_error(&errors[on_host], MOTE_ERROR_DEVICE, "not finite");
    states[on_host] = hash_of(trainer);
    mote_trainer_destroy(&trainer);
    test_device_end(&device);
  }
  assert_string_equal(errors[0].message, errors[1].message);
  assert_int_equal(states[0], states[1]);
}

static void a_recorded_trainer_has_its_images_on_the_device(void **state) {
  (void)state;
  mote_error error = {0};
  mote_device *device = test_device((mote_device_desc){.binding_limit = LIMIT});
  mote_trainer_desc desc = small(device);
  mote_trainer *trainer;
  desc.recorded = true;
  mote_trainer_create(&desc, &trainer, &error);
  assert_error(&error, MOTE_ERROR_UNSUPPORTED, "recorded");
  desc.data.count = 100;
  MUST(mote_trainer_create(&desc, &trainer, &error));
  mote_trainer_destroy(&trainer);
  test_device_end(&device);
}

// ---------------------------------------------------------------------------------------------------------------------
// Memory

static mote_sampler *create_sampler(mote_trainer *trainer, int batch) {
  mote_error error = {0};
  mote_model *model;
  mote_sampler *sampler;
  MUST(mote_trainer_get_model(trainer, &model, &error));
  MUST(mote_sampler_create(&(mote_sampler_desc){.model = model, .batch = batch, .guidance = 1}, &sampler, &error));
  return sampler;
}

// The most that it held until it was judged beside a sampler.
static uint64_t peak_of(const mote_trainer_desc *desc) {
  mote_error error = {0};
  double loss;
  uint64_t before = mote_device_get_counters(desc->device).memory_bytes;
  mote_trainer *trainer = create(desc);
  mote_sampler *sampler = create_sampler(trainer, mote_trainer_get_info(trainer).sampled);
  MUST(mote_trainer_run(trainer, 1, NULL, &error));
  MUST(mote_trainer_validate(trainer, &loss, &error));
  mote_sampler_destroy(&sampler);
  mote_trainer_destroy(&trainer);
  return mote_device_get_counters(desc->device).memory_peak_bytes - before;
}

static void the_most_that_is_held_is_known_before(void **state) {
  (void)state;
  for (int staging = 0; staging < 2; staging++) {
    mote_error error = {0};
    mote_device *device = test_device((mote_device_desc){.staging = staging});
    mote_trainer_desc desc = small(device);
    desc.sampled = 24;
    mote_needs needs;
    MUST(mote_trainer_get_needs(&desc, &needs, &error));
    const uint64_t peak = peak_of(&desc), whole = needs.memory_bytes + needs.later_bytes;
    if (staging) assert_in_range(whole, peak, peak + peak / 10);
    if (!staging) assert_int_equal(whole, peak);
    test_device_end(&device);
    // So much is enough; with a little less fewer images are sampled at once.
    for (int less = 0; less < 2; less++) {
      device = desc.device = test_device((mote_device_desc){.staging = staging, .memory_limit = whole - (uint64_t)less * 4096});
      mote_trainer *trainer = create(&desc);
      assert_int_equal(mote_trainer_get_info(trainer).sampled, less ? 12 : 24);
      mote_trainer_destroy(&trainer);
      assert_true(peak_of(&desc) <= whole);
      test_device_end(&device);
    }
  }
}

static bool is_made(mote_device *device, int batch, int accumulate, mote_error *error) {
  mote_trainer_desc desc = small(device);
  mote_trainer *trainer;
  desc.batch = batch;
  desc.accumulate = accumulate;
  *error = (mote_error){0};
  if (mote_trainer_create(&desc, &trainer, error)) return false;
  mote_trainer_destroy(&trainer);
  return true;
}

// By memory, and by what a kernel binds.
static void the_largest_batch_is_named(void **state) {
  (void)state;
  static const mote_device_desc devices[] = {{.memory_limit = 6 << 20}, {.binding_limit = LIMIT}};
  static const char *const expected[] = {"of the device's memory, of which 6.0 MiB are free", "of which a kernel binds at most 0.2 MiB"};
  for (size_t i = 0; i < COUNT(devices); i++) {
    mote_error error;
    int batch = 0, accumulate = 0;
    mote_device *device = test_device(devices[i]);
    assert_false(is_made(device, 256, 1, &error));
    assert_error(&error, MOTE_ERROR_MEMORY, expected[i]);
    assert_contains(error.message, "a batch of 256 needs");
    assert_contains(error.message, "sees as many images a step");
    assert_int_equal(sscanf(strstr(error.message, "--batch"), "--batch %d --accumulate %d", &batch, &accumulate), 2);
    assert_true(batch > 4 && batch < 256 && accumulate == (256 + batch - 1) / batch);
    assert_true(is_made(device, batch, accumulate, &error));
    assert_false(is_made(device, batch + 1, (256 + batch) / (batch + 1), &error));
    test_device_end(&device);
  }
}

static void where_no_batch_fits_it_is_said(void **state) {
  (void)state;
  mote_error error;
  mote_device *device = test_device((mote_device_desc){.memory_limit = 1 << 18});
  assert_false(is_made(device, 16, 1, &error));
  assert_error(&error, MOTE_ERROR_MEMORY, "not even a batch of 1 fits");
  assert_int_equal(mote_device_get_memory(device).free_bytes, 1 << 18);
  test_device_end(&device);
}

// Images that find no room stay on the host, before a smaller batch is asked for.
static void images_make_room_for_the_batch(void **state) {
  (void)state;
  mote_error error = {0};
  mote_device *device = test_device((mote_device_desc){0});
  mote_trainer_desc desc = small(device);
  mote_needs needs;
  desc.validation.count = 0;
  MUST(mote_trainer_get_needs(&desc, &needs, &error));
  assert_int_equal(needs.later_bytes, 0);
  test_device_end(&device);
  desc.device = device = test_device((mote_device_desc){.memory_limit = needs.memory_bytes - 4096});
  mote_trainer *trainer = create(&desc);
  assert_true(mote_trainer_get_info(trainer).data_on_host);
  assert_true(mote_trainer_get_info(trainer).memory_bytes < needs.memory_bytes);
  mote_trainer_destroy(&trainer);
  test_device_end(&device);
}

int main(void) {
  fill_data();
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(images_on_the_host_give_the_same_bits),
      cmocka_unit_test(a_state_goes_on_wherever_the_images_lie),
      cmocka_unit_test(a_loss_that_is_not_finite_ends_both_ways_alike),
      cmocka_unit_test(a_recorded_trainer_has_its_images_on_the_device),
      cmocka_unit_test(the_most_that_is_held_is_known_before),
      cmocka_unit_test(the_largest_batch_is_named),
      cmocka_unit_test(where_no_batch_fits_it_is_said),
      cmocka_unit_test(images_make_room_for_the_batch),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
