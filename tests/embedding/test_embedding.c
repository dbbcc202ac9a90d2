// test_embedding.c: what is recorded into a host's command buffers gives the bits of the library's own runs, costs the
// host nothing that was not announced, and lands where the host said.
#include "tests/embedding/host.h"

#include <glob.h>
#include <pthread.h>

#include "runtime/tuning.h"

enum { BATCH = 3, STEPS = 6, HEIGHT = 8, PIXELS = HEIGHT * HEIGHT, IMAGE = 3 * PIXELS, CONTEXT = 5 };

static host the_host;
static mote_device *device;
static mote_model *model;
static float contexts[BATCH * CONTEXT], x_init[BATCH * IMAGE];

static int open_all(void **state) {
  (void)state;
  the_host = host_open();
  device = host_adopt(&the_host);
  model = test_model(device, SMALL_MODEL);
  for (int i = 0; i < BATCH * CONTEXT; i++) contexts[i] = test_number(1, (uint32_t)i);
  for (int i = 0; i < BATCH * IMAGE; i++) x_init[i] = test_number(2, (uint32_t)i);
  return 0;
}

static int close_all(void **state) {
  (void)state;
  mote_model_destroy(&model);
  uint64_t left = mote_device_get_counters(device).memory_bytes;
  mote_device_destroy(&device);
  host_close(&the_host);
  return left != 0;
}

static const mote_sampler_desc kinds[] = {
    {.kind = MOTE_SAMPLER_DDIM, .steps = STEPS, .batch = BATCH},
    {.kind = MOTE_SAMPLER_DDIM, .steps = STEPS, .batch = BATCH, .eta = 1},
    {.kind = MOTE_SAMPLER_DDPM, .steps = STEPS, .batch = BATCH},
};

static const mote_sampler_request requests[] = {
    {.seed = 7},
    {.seed = 8, .first_sample = 40, .context = contexts},
    {.seed = 9, .context = contexts, .x_init = x_init}};

// What the library makes on a device of its own.
typedef struct result {
  float images[BATCH * IMAGE];
  uint8_t pixels[BATCH * IMAGE];
} result;

static void run_alone(mote_sampler_desc desc, const mote_sampler_request *request, result *out) {
  mote_error error = {0};
  mote_device *own = test_device((mote_device_desc){0});
  desc.model = test_model(own, SMALL_MODEL);
  mote_sampler *sampler;
  MUST(mote_sampler_create(&desc, &sampler, &error));
  MUST(mote_sampler_begin(sampler, request, &error));
  MUST(mote_sampler_run(sampler, STEPS, &error));
  MUST(mote_sampler_read(sampler, out->images, &error));
  MUST(mote_sampler_read_pixels(sampler, out->pixels, &error));
  mote_sampler_destroy(&sampler);
  mote_model_destroy(&desc.model);
  test_device_end(&own);
}

static mote_sampler *make(mote_sampler_desc desc) {
  mote_error error = {0};
  mote_sampler *sampler;
  desc.model = model;
  desc.recorded = true;
  MUST(mote_sampler_create(&desc, &sampler, &error));
  return sampler;
}

static void record_begin(mote_sampler *sampler, const mote_sampler_request *request) {
  mote_error error = {0};
  MUST(mote_sampler_record_begin(sampler, the_host.commands, request, &error));
}

static mote_recorded record(mote_sampler *sampler, int steps) {
  mote_error error = {0};
  mote_recorded recorded;
  MUST(mote_sampler_record(sampler, the_host.commands, steps, MOTE_NO_BUDGET, &recorded, &error));
  return recorded;
}

static void assert_images(mote_sampler *sampler, const result *expected) {
  mote_error error = {0};
  float images[BATCH * IMAGE];
  MUST(mote_sampler_read(sampler, images, &error));
  assert_memory_equal(images, expected->images, sizeof images);
}

// How pixels lie in the host's memory: `row` is its width in pixels, `scale` that of a pixel.
typedef struct placing {
  int row, scale;
  bool blue_first;
} placing;

// The host's bytes against the library's RGB.
static void assert_placed(const uint8_t *bytes, placing how, const uint8_t *rgb) {
  int side = HEIGHT * how.scale;
  for (int i = 0; i < side * side; i++) {
    const uint8_t *found = bytes + (i / side * how.row + i % side) * 4;
    const uint8_t *expected = rgb + (i / side / how.scale * HEIGHT + i % side / how.scale) * 3;
    for (int c = 0; c < 3; c++)
      if (found[how.blue_first ? 2 - c : c] != expected[c])
        fail_msg("pixel %d: found %d, expected %d", i, found[how.blue_first ? 2 - c : c], expected[c]);
    assert_int_equal(found[3], 255);
  }
}

static void assert_sprite(const uint8_t *rgba, int row, const uint8_t *rgb) {
  assert_placed(rgba, (placing){row, 1, false}, rgb);
}

static void recorded_runs_give_the_bits_of_the_library(void **state) {
  (void)state;
  for (size_t k = 0; k < COUNT(kinds); k++)
    for (size_t r = 0; r < COUNT(requests); r++) {
      result expected;
      run_alone(kinds[k], &requests[r], &expected);
      for (int piece = 1; piece <= STEPS; piece += 2) {
        mote_sampler *sampler = make(kinds[k]);
        host_begin(&the_host);
        record_begin(sampler, &requests[r]);
        mote_recorded last = record(sampler, piece);
        host_submit(&the_host);
        while (last.steps_left) {
          host_begin(&the_host);
          last = record(sampler, piece);
          host_submit(&the_host);
        }
        assert_int_equal(mote_sampler_steps_done(sampler), STEPS);
        assert_images(sampler, &expected);
        mote_sampler_destroy(&sampler);
      }
    }
}

static void pixels_reach_the_hosts_buffer(void **state) {
  (void)state;
  result expected;
  run_alone(kinds[0], &requests[1], &expected);
  mote_sampler *sampler = make(kinds[0]);
  host_buffer buffer = host_buffer_make(&the_host, 64 + BATCH * PIXELS * 4 + 64);
  memset(buffer.bytes, 0x5A, 64 + BATCH * PIXELS * 4 + 64);
  mote_error error = {0};
  host_begin(&the_host);
  record_begin(sampler, &requests[1]);
  record(sampler, 0);
  MUST(mote_sampler_record_buffer(sampler, the_host.commands, buffer.handle, 64, &error));
  host_submit(&the_host);
  for (int i = 0; i < BATCH; i++)
    assert_sprite(buffer.bytes + 64 + i * PIXELS * 4, HEIGHT, expected.pixels + i * IMAGE);
  for (int i = 0; i < 64; i++) {
    assert_int_equal(buffer.bytes[i], 0x5A);
    assert_int_equal(buffer.bytes[64 + BATCH * PIXELS * 4 + i], 0x5A);
  }
  mote_sampler_destroy(&sampler);
  host_buffer_free(&the_host, &buffer);
}

static void write_and_read_image(const mote_image_output *output, const host_image *image, host_buffer *buffer) {
  mote_error error = {0};
  mote_sampler *sampler = make(kinds[0]);
  host_begin(&the_host);
  if (output->old_layout != VK_IMAGE_LAYOUT_UNDEFINED) host_image_clear(&the_host, image, 1);
  record_begin(sampler, &requests[1]);
  record(sampler, 0);
  MUST(mote_sampler_record_image(sampler, the_host.commands, output, &error));
  host_image_copy(&the_host, image, buffer);
  host_submit(&the_host);
  mote_sampler_destroy(&sampler);
}

static void pixels_reach_regions_of_an_atlas_and_nothing_else(void **state) {
  (void)state;
  enum { WIDTH = 40 };
  const mote_image_region regions[] = {{.sample = 2, .x = 3, .y = 5}, {.sample = 0, .x = 32, .y = 32}};
  result expected;
  run_alone(kinds[0], &requests[1], &expected);
  static const VkFormat formats[] = {VK_FORMAT_R8G8B8A8_UNORM, VK_FORMAT_R8G8B8A8_SRGB, VK_FORMAT_B8G8R8A8_UNORM,
                                     VK_FORMAT_B8G8R8A8_SRGB};
  for (size_t f = 0; f < COUNT(formats); f++) {
    const VkFormat format = formats[f];
    const placing how = {WIDTH, 1, f > 1};
    host_image image = host_image_make(&the_host, format, WIDTH, 1);
    host_buffer buffer = host_buffer_make(&the_host, WIDTH * WIDTH * 4);
    write_and_read_image(&(mote_image_output){.image = image.handle,
                                              .format = format,
                                              .width = WIDTH,
                                              .height = WIDTH,
                                              .old_layout = VK_IMAGE_LAYOUT_TRANSFER_SRC_OPTIMAL,
                                              .new_layout = VK_IMAGE_LAYOUT_TRANSFER_SRC_OPTIMAL,
                                              .regions = regions,
                                              .region_count = 2},
                         &image, &buffer);
    assert_placed(buffer.bytes + (5 * WIDTH + 3) * 4, how, expected.pixels + 2 * IMAGE);
    assert_placed(buffer.bytes + (32 * WIDTH + 32) * 4, how, expected.pixels);
    int untouched = 0;
    for (int y = 0; y < WIDTH; y++)
      for (int x = 0; x < WIDTH; x++) {
        bool inside = (x >= 3 && x < 11 && y >= 5 && y < 13) || (x >= 32 && y >= 32);
        for (int c = 0; c < 4; c++) untouched += !inside && buffer.bytes[(y * WIDTH + x) * 4 + c] == 255;
      }
    assert_int_equal(untouched, 4 * (WIDTH * WIDTH - 2 * PIXELS));
    host_buffer_free(&the_host, &buffer);
    host_image_free(&the_host, &image);
  }
}

static void pixels_reach_the_layers_of_an_array(void **state) {
  (void)state;
  result expected;
  run_alone(kinds[0], &requests[1], &expected);
  host_image image = host_image_make(&the_host, VK_FORMAT_R8G8B8A8_SRGB, HEIGHT, BATCH);
  host_buffer buffer = host_buffer_make(&the_host, BATCH * PIXELS * 4);
  write_and_read_image(&(mote_image_output){.image = image.handle,
                                            .format = VK_FORMAT_R8G8B8A8_SRGB,
                                            .width = HEIGHT,
                                            .height = HEIGHT,
                                            .array_layers = BATCH,
                                            .new_layout = VK_IMAGE_LAYOUT_TRANSFER_SRC_OPTIMAL,
                                            .after_stages = VK_PIPELINE_STAGE_TRANSFER_BIT,
                                            .after_access = VK_ACCESS_TRANSFER_READ_BIT},
                       &image, &buffer);
  for (int i = 0; i < BATCH; i++) assert_sprite(buffer.bytes + i * PIXELS * 4, HEIGHT, expected.pixels + i * IMAGE);
  host_buffer_free(&the_host, &buffer);
  host_image_free(&the_host, &image);
}

static void pixels_are_enlarged_by_whole_numbers(void **state) {
  (void)state;
  enum { SCALE = 3, SIDE = SCALE * HEIGHT, WIDTH = SIDE + 5 };
  mote_error error = {0};
  result expected;
  run_alone(kinds[0], &requests[1], &expected);
  mote_sampler_desc desc = kinds[0];
  desc.pixel_scale = SCALE;
  mote_sampler *sampler = make(desc);
  host_image image = host_image_make(&the_host, VK_FORMAT_B8G8R8A8_UNORM, WIDTH, 1);
  host_buffer atlas = host_buffer_make(&the_host, WIDTH * WIDTH * 4);
  host_buffer buffer = host_buffer_make(&the_host, BATCH * SIDE * SIDE * 4);
  const mote_image_region region = {.sample = 1, .x = 5, .y = 2};
  host_begin(&the_host);
  record_begin(sampler, &requests[1]);
  record(sampler, 0);
  MUST(mote_sampler_record_buffer(sampler, the_host.commands, buffer.handle, 0, &error));
  MUST(mote_sampler_record_image(sampler, the_host.commands,
                                 &(mote_image_output){.image = image.handle,
                                                      .format = VK_FORMAT_B8G8R8A8_UNORM,
                                                      .width = WIDTH,
                                                      .height = WIDTH,
                                                      .new_layout = VK_IMAGE_LAYOUT_TRANSFER_SRC_OPTIMAL,
                                                      .regions = &region,
                                                      .region_count = 1},
                                 &error));
  host_image_copy(&the_host, &image, &atlas);
  host_submit(&the_host);
  assert_placed(atlas.bytes + (2 * WIDTH + 5) * 4, (placing){WIDTH, SCALE, true}, expected.pixels + IMAGE);
  for (int i = 0; i < BATCH; i++)
    assert_placed(buffer.bytes + i * SIDE * SIDE * 4, (placing){SIDE, SCALE, false}, expected.pixels + i * IMAGE);
  mote_sampler_destroy(&sampler);
  host_buffer_free(&the_host, &buffer);
  host_buffer_free(&the_host, &atlas);
  host_image_free(&the_host, &image);
}

static void recording_allocates_submits_and_compiles_nothing(void **state) {
  (void)state;
  mote_sampler *sampler = make(kinds[1]);
  host_buffer buffer = host_buffer_make(&the_host, BATCH * PIXELS * 4);
  mote_error error = {0};
  mote_device_counters before = mote_device_get_counters(device);
  host_begin(&the_host);
  record_begin(sampler, &requests[2]);
  record(sampler, 0);
  MUST(mote_sampler_record_buffer(sampler, the_host.commands, buffer.handle, 0, &error));
  mote_device_counters after = mote_device_get_counters(device);
  host_submit(&the_host);
  assert_int_equal(after.submissions, before.submissions);
  assert_int_equal(after.commands_begun, before.commands_begun);
  assert_int_equal(after.pipelines_created, before.pipelines_created);
  assert_int_equal(after.descriptor_writes, before.descriptor_writes);
  assert_int_equal(after.memory_peak_bytes, before.memory_peak_bytes);
  mote_sampler_info info = mote_sampler_get_info(sampler);
  assert_int_equal(after.dispatches_recorded - before.dispatches_recorded,
                   info.setup_dispatches + STEPS * info.dispatches + 1);
  mote_sampler_destroy(&sampler);
  host_buffer_free(&the_host, &buffer);
}

// Submits `commands` so that it waits for `value - 1` of the timeline and signals `value`.
static void submit_on_timeline(VkCommandBuffer commands, VkSemaphore timeline, uint64_t value) {
  const uint64_t before = value - 1;
  const VkPipelineStageFlags stage = VK_PIPELINE_STAGE_ALL_COMMANDS_BIT;
  const VkTimelineSemaphoreSubmitInfo values = {.sType = VK_STRUCTURE_TYPE_TIMELINE_SEMAPHORE_SUBMIT_INFO,
                                                .waitSemaphoreValueCount = 1,
                                                .pWaitSemaphoreValues = &before,
                                                .signalSemaphoreValueCount = 1,
                                                .pSignalSemaphoreValues = &value};
  const VkSubmitInfo submit = {.sType = VK_STRUCTURE_TYPE_SUBMIT_INFO,
                               .pNext = &values,
                               .waitSemaphoreCount = 1,
                               .pWaitSemaphores = &timeline,
                               .pWaitDstStageMask = &stage,
                               .commandBufferCount = 1,
                               .pCommandBuffers = &commands,
                               .signalSemaphoreCount = 1,
                               .pSignalSemaphores = &timeline};
  VK_MUST(vkEndCommandBuffer(commands));
  VK_MUST(vkQueueSubmit(the_host.queue, 1, &submit, VK_NULL_HANDLE));
}

static void frames_in_flight_follow_each_other_on_a_timeline(void **state) {
  (void)state;
  result expected;
  mote_error error = {0};
  run_alone(kinds[1], &requests[1], &expected);
  mote_sampler *sampler = make(kinds[1]);
  host_buffer buffer = host_buffer_make(&the_host, BATCH * PIXELS * 4);
  const VkSemaphoreTypeCreateInfo type = {.sType = VK_STRUCTURE_TYPE_SEMAPHORE_TYPE_CREATE_INFO,
                                          .semaphoreType = VK_SEMAPHORE_TYPE_TIMELINE};
  const VkSemaphoreCreateInfo info = {.sType = VK_STRUCTURE_TYPE_SEMAPHORE_CREATE_INFO, .pNext = &type};
  const VkCommandBufferAllocateInfo allocate = {.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO,
                                                .commandPool = the_host.pool,
                                                .commandBufferCount = STEPS};
  const VkCommandBufferBeginInfo begin = {.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO};
  VkSemaphore timeline;
  VkCommandBuffer frames[STEPS];
  VK_MUST(vkCreateSemaphore(the_host.device, &info, NULL, &timeline));
  VK_MUST(vkAllocateCommandBuffers(the_host.device, &allocate, frames));
  for (uint64_t i = 0; i < STEPS; i++) {  // none is waited for
    VK_MUST(vkBeginCommandBuffer(frames[i], &begin));
    if (i == 0) MUST(mote_sampler_record_begin(sampler, frames[i], &requests[1], &error));
    MUST(mote_sampler_record(sampler, frames[i], 1, MOTE_NO_BUDGET, NULL, &error));
    MUST(mote_sampler_record_buffer(sampler, frames[i], buffer.handle, 0, &error));
    submit_on_timeline(frames[i], timeline, i + 1);
  }
  const uint64_t last = STEPS;
  const VkSemaphoreWaitInfo wait = {.sType = VK_STRUCTURE_TYPE_SEMAPHORE_WAIT_INFO,
                                    .semaphoreCount = 1,
                                    .pSemaphores = &timeline,
                                    .pValues = &last};
  VK_MUST(vkWaitSemaphores(the_host.device, &wait, UINT64_MAX));
  for (int i = 0; i < BATCH; i++) assert_sprite(buffer.bytes + i * PIXELS * 4, HEIGHT, expected.pixels + i * IMAGE);
  VK_MUST(vkQueueWaitIdle(the_host.queue));
  vkFreeCommandBuffers(the_host.device, the_host.pool, STEPS, frames);
  vkDestroySemaphore(the_host.device, timeline, NULL);
  assert_images(sampler, &expected);
  mote_sampler_destroy(&sampler);
  host_buffer_free(&the_host, &buffer);
}

static void samplers_of_one_model_do_not_meet(void **state) {
  (void)state;
  mote_sampler *samplers[COUNT(kinds)];
  result expected[COUNT(kinds)];
  for (size_t i = 0; i < COUNT(kinds); i++) {
    run_alone(kinds[i], &requests[i], &expected[i]);
    samplers[i] = make(kinds[i]);
  }
  host_begin(&the_host);
  for (size_t i = 0; i < COUNT(kinds); i++) record_begin(samplers[i], &requests[i]);
  for (int step = 0; step < STEPS; step++)
    for (size_t i = 0; i < COUNT(kinds); i++) record(samplers[i], 1);
  host_submit(&the_host);
  for (size_t i = 0; i < COUNT(kinds); i++) {
    assert_images(samplers[i], &expected[i]);
    mote_sampler_destroy(&samplers[i]);
  }
}

static void a_run_can_be_cancelled_at_every_step(void **state) {
  (void)state;
  result expected;
  mote_error error = {0};
  run_alone(kinds[1], &requests[1], &expected);
  mote_sampler *sampler = make(kinds[1]);
  for (int at = 0; at < STEPS; at++) {
    host_begin(&the_host);
    record_begin(sampler, &requests[2]);
    if (at) record(sampler, at);
    host_submit(&the_host);
    mote_sampler_cancel(sampler);
    assert_int_equal(mote_sampler_record(sampler, the_host.commands, 1, MOTE_NO_BUDGET, NULL, &error), MOTE_ERROR_USAGE);
    assert_error(&error, MOTE_ERROR_USAGE, "no run has begun");
    host_begin(&the_host);
    record_begin(sampler, &requests[1]);
    record(sampler, 0);
    host_submit(&the_host);
    assert_images(sampler, &expected);
  }
  mote_sampler_destroy(&sampler);
}

// A host's job system, if an odd one.
static void last_job_first(void *user, void (*job)(void *data, uint32_t index), void *data, uint32_t count) {
  *(uint32_t *)user += count;
  while (count--) job(data, count);
}

static void needs_are_known_before(void **state) {
  (void)state;
  mote_error error = {0};
  for (int variant = 0; variant < 4; variant++) {
    uint32_t jobs = 0;
    mote_device_adopt_desc adopt = host_desc(&the_host);
    adopt.staging = variant & 1;
    if (adopt.staging) adopt.parallel = last_job_first, adopt.parallel_user = &jobs;
    mote_device *fresh;
    MUST(mote_device_adopt(&adopt, &fresh, &error));
    mote_sampler_desc desc = kinds[2];
    desc.model = test_model(fresh, SMALL_MODEL);
    desc.recorded = variant & 2;
    mote_needs needs;
    mote_device_counters before = mote_device_get_counters(fresh);
    MUST(mote_sampler_get_needs(&desc, &needs, &error));
    mote_device_counters between = mote_device_get_counters(fresh);
    assert_memory_equal(&before, &between, sizeof before);
    mote_sampler *sampler;
    MUST(mote_sampler_create(&desc, &sampler, &error));
    mote_device_counters after = mote_device_get_counters(fresh);
    assert_int_equal(needs.memory_bytes, after.memory_bytes - before.memory_bytes);
    assert_int_equal(needs.pipelines, after.pipelines_created - before.pipelines_created);
    // Where a program lacks only one pipeline, that takes no job.
    if (adopt.parallel)
      assert_in_range(jobs, needs.pipelines - 1, needs.pipelines);
    else
      assert_int_equal(jobs, 0);
    assert_true(adopt.staging ? needs.staging_bytes > 0 : true);
    assert_true(needs.allocations > 0);
    // The second sampler shares every pipeline.
    MUST(mote_sampler_get_needs(&desc, &needs, &error));
    assert_int_equal(needs.pipelines, 0);
    mote_sampler_destroy(&sampler);
    mote_model_destroy(&desc.model);
    mote_device_destroy(&fresh);
  }
}

// What the host's device finds is kept where the host says, and read again.
static void an_adopted_device_tunes(void **state) {
  (void)state;
  mote_error error = {0};
  char folder[] = "/tmp/mote_tuning_XXXXXX";
  assert_non_null(mkdtemp(folder));
  for (int round = 0; round < 2; round++) {
    mote_device_adopt_desc adopt = host_desc(&the_host);
    adopt.tune = MOTE_TUNE_FAST;
    adopt.tuning_directory = folder;
    mote_device *fresh;
    MUST(mote_device_adopt(&adopt, &fresh, &error));
    assert_int_equal(tuning_find(fresh, 7), round ? 3 : -1);
    assert_int_equal(device_tunes(fresh), MOTE_TUNE_FAST);
    if (!round) MUST(tuning_keep(fresh, 7, 3, "a test", &error));
    mote_device_destroy(&fresh);
  }
  glob_t found;
  char pattern[64];
  snprintf(pattern, sizeof pattern, "%s/*", folder);
  assert_int_equal(glob(pattern, 0, NULL, &found), 0);
  assert_int_equal(found.gl_pathc, 1);
  unlink(found.gl_pathv[0]);
  globfree(&found);
  rmdir(folder);
}

static void what_training_needs_is_known_before(void **state) {
  (void)state;
  mote_error error = {0};
  static uint8_t images[3 * 8 * 8 * 3];
  for (int variant = 0; variant < 4; variant++) {
    mote_device_adopt_desc adopt = host_desc(&the_host);
    adopt.staging = variant & 1;
    mote_device *fresh;
    MUST(mote_device_adopt(&adopt, &fresh, &error));
    mote_trainer_desc desc = {.device = fresh,
                              .model = {.channels = 3, .height = 8, .n_feat = 8, .n_cfeat = 2},
                              .data = {.count = 3},
                              .batch = 2,
                              .accumulate = variant & 1 ? 2 : 1,
                              .lr_schedule = MOTE_LR_CONSTANT,
                              .recorded = variant & 2};
    mote_needs needs;
    mote_device_counters before = mote_device_get_counters(fresh);
    MUST(mote_trainer_get_needs(&desc, &needs, &error));
    mote_device_counters between = mote_device_get_counters(fresh);
    assert_memory_equal(&before, &between, sizeof before);
    mote_trainer *trainer;
    mote_trainer_create(&desc, &trainer, &error);
    assert_error(&error, MOTE_ERROR_USAGE, "no pixels");
    desc.data.pixels = images;
    MUST(mote_trainer_create(&desc, &trainer, &error));
    mote_device_counters after = mote_device_get_counters(fresh);
    assert_int_equal(needs.memory_bytes, after.memory_bytes - before.memory_bytes);
    assert_int_equal(needs.pipelines, after.pipelines_created - before.pipelines_created);
    assert_true(adopt.staging ? needs.staging_bytes > 0 : needs.staging_bytes == 0);
    assert_true(needs.allocations > 5);
    mote_trainer_destroy(&trainer);
    mote_device_destroy(&fresh);
  }
}

static void wrong_use_is_named(void **state) {
  (void)state;
  mote_error error = {0};
  mote_sampler_desc plain = kinds[0];
  plain.model = model;
  mote_sampler *unrecorded, *sampler = make(kinds[0]);
  MUST(mote_sampler_create(&plain, &unrecorded, &error));
  host_begin(&the_host);
  mote_sampler_record_begin(unrecorded, the_host.commands, &requests[0], &error);
  assert_error(&error, MOTE_ERROR_USAGE, "mote_sampler_desc.recorded");
  record_begin(sampler, &requests[0]);
  mote_sampler_record(sampler, the_host.commands, -1, MOTE_NO_BUDGET, NULL, &error);
  assert_error(&error, MOTE_ERROR_USAGE, "steps is -1");
  mote_sampler_record(sampler, the_host.commands, 0, NAN, NULL, &error);
  assert_error(&error, MOTE_ERROR_USAGE, "nan, expected microseconds");
  host_image image = host_image_make(&the_host, VK_FORMAT_R8G8B8A8_UNORM, 16, 1);
  const mote_image_region beyond = {.sample = BATCH};
  mote_image_output output = {
      .image = image.handle, .format = VK_FORMAT_R16_UNORM, .new_layout = VK_IMAGE_LAYOUT_GENERAL};
  mote_sampler_record_image(sampler, the_host.commands, &output, &error);
  assert_error(&error, MOTE_ERROR_USAGE, "format is 70");
  output.format = VK_FORMAT_R8G8B8A8_UNORM;
  output.regions = &beyond;
  output.region_count = 1;
  mote_sampler_record_image(sampler, the_host.commands, &output, &error);
  assert_error(&error, MOTE_ERROR_USAGE, "found 0 x 0 pixels, expected the image's width and height");
  output.width = output.height = 16;
  mote_sampler_record_image(sampler, the_host.commands, &output, &error);
  assert_error(&error, MOTE_ERROR_USAGE, "region 0 is sample 3");
  static const mote_image_region outside[] = {{.x = 9}, {.y = 9}, {.x = -1}, {.y = INT32_MAX}, {.array_layer = 1}};
  for (size_t i = 0; i < COUNT(outside); i++) {
    output.regions = &outside[i];
    mote_sampler_record_image(sampler, the_host.commands, &output, &error);
    assert_error(&error, MOTE_ERROR_USAGE, outside[i].array_layer ? "in array layer 1, the image has 1" : "is 16 x 16");
  }
  output.regions = &(mote_image_region){.x = 4};
  output.mip_level = 1;
  mote_sampler_record_image(sampler, the_host.commands, &output, &error);
  assert_error(&error, MOTE_ERROR_USAGE, "region 0 is 8 x 8 pixels at 4, 0, the image's mip level 1 is 8 x 8");
  output.regions = NULL;
  mote_sampler_record_image(sampler, the_host.commands, &output, &error);
  assert_error(&error, MOTE_ERROR_USAGE, "region 1 is in array layer 1");
  mote_samplers_record((mote_sampler *[]){sampler, sampler}, 2, the_host.commands, 9, NULL, &error);
  assert_error(&error, MOTE_ERROR_USAGE, "samplers 0 and 1 are the same");
  mote_samplers_record((mote_sampler *[]){sampler, unrecorded}, 2, the_host.commands, 9, NULL, &error);
  assert_error(&error, MOTE_ERROR_USAGE, "mote_sampler_desc.recorded");
  host_submit(&the_host);
  mote_device_adopt_desc desc = host_desc(&the_host);
  mote_device *none;
  desc.queue = VK_NULL_HANDLE;
  mote_device_adopt(&desc, &none, &error);
  assert_error(&error, MOTE_ERROR_USAGE, "queue is not set");
  desc = host_desc(&the_host);
  desc.queue_family = 99;
  mote_device_adopt(&desc, &none, &error);
  assert_error(&error, MOTE_ERROR_USAGE, "queue_family is 99");
  desc = host_desc(&the_host);
  desc.api_version = 0;
  mote_device_adopt(&desc, &none, &error);
  assert_error(&error, MOTE_ERROR_USAGE, "api_version is not set: it is the VkApplicationInfo.apiVersion");
  desc.api_version = VK_API_VERSION_1_1;
  mote_device_adopt(&desc, &none, &error);
  assert_error(&error, MOTE_ERROR_USAGE, "api_version is 1.1, expected 1.2 or newer");
  desc = host_desc(&the_host);
  desc.tune = (mote_tune)9;
  mote_device_adopt(&desc, &none, &error);
  assert_error(&error, MOTE_ERROR_USAGE, "tune is 9");
  assert_null(none);
  host_image_free(&the_host, &image);
  mote_sampler_destroy(&unrecorded);
  mote_sampler_destroy(&sampler);
}

// ---------------------------------------------------------------------------------------------------------------------
// Training

enum { TRAIN_IMAGES = 6, TRAIN_STEPS_A = 3, TRAIN_STEPS_B = 4 };

static mote_trainer *make_trainer(mote_device *on, const char *architecture) {
  static uint8_t pixels[TRAIN_IMAGES * IMAGE];
  for (int i = 0; i < TRAIN_IMAGES * IMAGE; i++) pixels[i] = (uint8_t)(i * 37);
  mote_trainer_desc desc = {.device = on,
                            .model = {.channels = 3, .height = HEIGHT, .n_cfeat = 2},
                            .data = {TRAIN_IMAGES, pixels, NULL},
                            .batch = 4,
                            .total_steps = 20,
                            .seed = 3,
                            .recorded = true};
  strcpy(desc.model.architecture, architecture);
  if (strcmp(architecture, "unet2d"))
    desc.model.n_feat = 8;
  else
    strcpy(desc.model.settings, "block_out_channels=8,8;down_block_types=DownBlock2D,AttnDownBlock2D;"
                                "up_block_types=AttnUpBlock2D,UpBlock2D;layers_per_block=1;dropout=0.1");
  mote_error error = {0};
  mote_trainer *trainer;
  MUST(mote_trainer_create(&desc, &trainer, &error));
  return trainer;
}

static uint8_t *state_of(mote_trainer *trainer, size_t *bytes) {
  char path[] = "/tmp/mote_state_XXXXXX";
  close(mkstemp(path));
  mote_error error = {0};
  uint8_t *data = NULL;
  MUST(mote_trainer_save_state(trainer, path, &error));
  MUST(file_read(path, (size_t)1 << 30, &data, bytes, &error));
  unlink(path);
  return data;
}

static void compare_recorded_training(const char *architecture) {
  mote_error error = {0};
  mote_device *own = test_device((mote_device_desc){0});
  mote_trainer *alone = make_trainer(own, architecture), *hosted = make_trainer(device, architecture);
  float expected[TRAIN_STEPS_A + TRAIN_STEPS_B], losses[16];
  MUST(mote_trainer_run(alone, TRAIN_STEPS_A + TRAIN_STEPS_B, expected, &error));
  uint32_t count, total = 0;
  uint64_t submissions = mote_device_get_counters(device).submissions;
  for (int part = 0; part < 2; part++) {
    host_begin(&the_host);
    MUST(mote_trainer_record(hosted, the_host.commands, part ? TRAIN_STEPS_B : TRAIN_STEPS_A, &error));
    host_submit(&the_host);
    MUST(mote_trainer_collect(hosted, losses + total, 16 - total, &count, &error));
    assert_int_equal(count, part ? TRAIN_STEPS_B : TRAIN_STEPS_A);
    total += count;
  }
  assert_int_equal(mote_device_get_counters(device).submissions, submissions);
  assert_memory_equal(losses, expected, sizeof expected);
  assert_int_equal(mote_trainer_steps_done(hosted), TRAIN_STEPS_A + TRAIN_STEPS_B);
  MUST(mote_trainer_collect(hosted, losses, 16, &count, &error));
  assert_int_equal(count, 0);
  size_t bytes[2];
  uint8_t *states[2] = {state_of(alone, &bytes[0]), state_of(hosted, &bytes[1])};
  assert_int_equal(bytes[0], bytes[1]);
  assert_memory_equal(states[0], states[1], bytes[0]);
  free(states[0]);
  free(states[1]);
  mote_trainer_destroy(&alone);
  mote_trainer_destroy(&hosted);
  test_device_end(&own);
}

static void recorded_training_gives_the_bits_of_the_library(void **state) {
  (void)state;
  compare_recorded_training("context_unet");
  compare_recorded_training("unet2d");
}

// ---------------------------------------------------------------------------------------------------------------------
// Two devices

typedef struct side {
  host host;
  mote_sampler *sampler;
  float images[BATCH * IMAGE];
  mote_error error;
} side;

static void *run_side(void *argument) {
  side *s = argument;
  host_begin(&s->host);
  if (mote_sampler_record_begin(s->sampler, s->host.commands, &requests[1], &s->error)) return s;
  if (mote_sampler_record(s->sampler, s->host.commands, 0, MOTE_NO_BUDGET, NULL, &s->error)) return s;
  host_submit(&s->host);
  return mote_sampler_read(s->sampler, s->images, &s->error) ? s : NULL;
}

static void two_devices_work_at_once(void **state) {
  (void)state;
  mote_error error = {0};
  side sides[2] = {0};
  mote_device *devices[2];
  mote_model *models[2];
  result expected;
  run_alone(kinds[1], &requests[1], &expected);
  for (int i = 0; i < 2; i++) {
    sides[i].host = host_open();
    devices[i] = host_adopt(&sides[i].host);
    mote_sampler_desc desc = kinds[1];
    desc.recorded = true;
    desc.model = models[i] = test_model(devices[i], SMALL_MODEL);
    MUST(mote_sampler_create(&desc, &sides[i].sampler, &error));
  }
  for (int round = 0; round < 5; round++) {
    pthread_t threads[2];
    for (int i = 0; i < 2; i++) assert_int_equal(pthread_create(&threads[i], NULL, run_side, &sides[i]), 0);
    for (int i = 0; i < 2; i++) {
      void *failed;
      pthread_join(threads[i], &failed);
      if (failed) fail_msg("%s", sides[i].error.message);
      assert_memory_equal(sides[i].images, expected.images, sizeof expected.images);
    }
  }
  for (int i = 0; i < 2; i++) {
    mote_sampler_destroy(&sides[i].sampler);
    mote_model_destroy(&models[i]);
    mote_device_destroy(&devices[i]);
    host_close(&sides[i].host);
  }
}

// `test_embedding PATTERN`: only the tests whose names match, such as '*record*'.
int main(int argument_count, char **arguments) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(recorded_runs_give_the_bits_of_the_library),
      cmocka_unit_test(pixels_reach_the_hosts_buffer),
      cmocka_unit_test(pixels_reach_regions_of_an_atlas_and_nothing_else),
      cmocka_unit_test(pixels_reach_the_layers_of_an_array),
      cmocka_unit_test(pixels_are_enlarged_by_whole_numbers),
      cmocka_unit_test(recording_allocates_submits_and_compiles_nothing),
      cmocka_unit_test(frames_in_flight_follow_each_other_on_a_timeline),
      cmocka_unit_test(samplers_of_one_model_do_not_meet),
      cmocka_unit_test(a_run_can_be_cancelled_at_every_step),
      cmocka_unit_test(needs_are_known_before),
      cmocka_unit_test(an_adopted_device_tunes),
      cmocka_unit_test(what_training_needs_is_known_before),
      cmocka_unit_test(wrong_use_is_named),
      cmocka_unit_test(recorded_training_gives_the_bits_of_the_library),
      cmocka_unit_test(two_devices_work_at_once),
  };
  if (argument_count > 1 && !test_choose(tests, COUNT(tests), arguments[1])) return 2;
  return cmocka_run_group_tests(tests, open_all, close_all);
}
