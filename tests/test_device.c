// test_device.c: how a device is chosen, what it keeps between runs, and that devices neither meet nor leave anything.
#include "tests/support.h"

#include <ctype.h>
#include <sys/stat.h>

#include "runtime/runtime.h"
#include "tools/parallel.h"

enum { IMAGE = 3 * 8 * 8 };

// ---------------------------------------------------------------------------------------------------------------------
// Choice

static mote_device_info *infos;
static size_t info_count;

static int list_devices(void **state) {
  (void)state;
  mote_error error = {0};
  MUST(mote_device_list(&infos, &info_count, &error));
  return 0;
}

static int free_list(void **state) {
  (void)state;
  mote_free(infos);
  return 0;
}

// The device that MOTE_TEST_DEVICE names, else the one that is chosen by default.
static const mote_device_info *listed(void) {
  mote_device *device = test_device((mote_device_desc){0});
  uint32_t index = mote_device_get_info(device)->index;
  mote_device_destroy(&device);
  assert_true(index < info_count);
  return &infos[index];
}

static void assert_selects(const char *select, const mote_device_info *expected) {
  mote_device *device = test_device((mote_device_desc){.select = select});
  const mote_device_info *info = mote_device_get_info(device);
  assert_string_equal(info->name, expected->name);
  assert_string_equal(info->uuid, expected->uuid);
  assert_true(info->chosen && info->usable);
  mote_device_destroy(&device);
}

static void the_list_describes_every_device_and_marks_one(void **state) {
  (void)state;
  assert_true(info_count > 0);
  size_t chosen = 0;
  for (size_t i = 0; i < info_count; i++) {
    assert_int_equal(infos[i].index, i);
    assert_true(infos[i].name[0] && infos[i].driver[0] && infos[i].reason[0]);
    assert_int_equal(strlen(infos[i].uuid), 36);
    for (int k = 0; k < 36; k++)
      assert_true(k == 8 || k == 13 || k == 18 || k == 23 ? infos[i].uuid[k] == '-' : isxdigit(infos[i].uuid[k]) != 0);
    if (!infos[i].usable) continue;
    assert_true(infos[i].api_version[0] > 1 || infos[i].api_version[1] >= 2);
    assert_true(infos[i].max_invocations >= 128 && infos[i].shared_bytes >= 16384 && infos[i].memory_bytes > 0);
    assert_true(infos[i].subgroup_size > 0);
    chosen += infos[i].chosen;
  }
  assert_int_equal(chosen, 1);
}

static void a_device_is_selected_by_index(void **state) {
  (void)state;
  char index[24];
  for (size_t i = 0; i < info_count; i++) {
    if (!infos[i].usable) continue;
    snprintf(index, sizeof index, "%zu", i);
    assert_selects(index, &infos[i]);
  }
}

static void a_device_is_selected_by_part_of_its_name_in_any_case(void **state) {
  (void)state;
  const mote_device_info *info = listed();
  for (size_t i = 0; i < info_count; i++)
    if (&infos[i] != info && strcmp(infos[i].name, info->name) == 0) skip();  // names do not tell them apart
  char part[256];
  size_t length = strlen(info->name);
  for (size_t from = 0; from <= 1 && from + 1 < length; from++) {
    snprintf(part, sizeof part, "%.*s", (int)(length - from - 1), info->name + from);
    for (char *c = part; *c; c++) *c = (char)(isupper((unsigned char)*c) ? tolower(*c) : toupper(*c));
    assert_selects(part, info);
  }
  assert_selects(info->name, info);
}

static void a_device_is_selected_by_uuid_in_any_case(void **state) {
  (void)state;
  const mote_device_info *info = listed();
  char uuid[37];
  strcpy(uuid, info->uuid);
  assert_selects(uuid, info);
  for (char *c = uuid; *c; c++) *c = (char)toupper(*c);
  assert_selects(uuid, info);
}

static void an_unknown_device_is_an_error_that_lists_what_there_is(void **state) {
  (void)state;
  static const char *const unknown[] = {"no such device", "4096", "-1", "00000000-0000-0000-0000-00000000000g"};
  for (size_t i = 0; i < COUNT(unknown); i++) {
    mote_error error = {0};
    mote_device *device = (mote_device *)1;
    mote_device_desc desc = {.select = unknown[i], .validation = getenv("MOTE_TEST_VALIDATION") != NULL};
    assert_int_equal(mote_device_create(&desc, &device, &error), MOTE_ERROR_DEVICE);
    assert_null(device);
    char expected[100];
    snprintf(expected, sizeof expected, "matches '%s'; there is 0 '", unknown[i]);
    assert_error(&error, MOTE_ERROR_DEVICE, expected);
    char name[61];
    snprintf(name, sizeof name, "%.60s", infos[info_count - 1].name);
    assert_contains(error.message, name);
  }
}

static void no_description_asks_for_the_defaults(void **state) {
  (void)state;
  mote_error error = {0};
  mote_device *device;
  MUST(mote_device_create(NULL, &device, &error));
  assert_true(infos[mote_device_get_info(device)->index].chosen);
  mote_device_destroy(&device);
  mote_device_destroy(&device);
}

// ---------------------------------------------------------------------------------------------------------------------
// Pipeline cache

static char folder[64];
static char cache_file[160];

static int make_folder(void **state) {
  strcpy(folder, "/tmp/mote_device_XXXXXX");
  cache_file[0] = 0;
  (void)state;
  return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state) {
  (void)state;
  if (cache_file[0]) remove(cache_file);
  return rmdir(folder);  // fails, and so the test, if temporary files are left
}

// Makes two pipelines with the cache in `folder`, and returns what was said.
static test_log use_cache(const char *directory) {
  static test_log log;
  log = (test_log){0};
  mote_error error = {0};
  mote_device *device =
      test_device((mote_device_desc){.cache_directory = directory, .log = test_log_take, .log_user = &log});
  pipeline *kernel;
  MUST(pipeline_get(device, "activation", NULL, 0, &kernel, &error));
  MUST(pipeline_get(device, "add", NULL, 0, &kernel, &error));
  assert_int_equal(mote_device_get_counters(device).pipelines_created, 2);
  snprintf(cache_file, sizeof cache_file, "%s/pipelines-%s.bin", folder, mote_device_get_info(device)->uuid);
  test_device_end(&device);
  return log;
}

static uint8_t *read_cache(size_t *bytes) {
  uint8_t *data;
  mote_error error = {0};
  MUST(file_read(cache_file, 256 << 20, &data, bytes, &error));
  return data;
}

static void write_cache(const uint8_t *data, size_t bytes) {
  FILE *file = fopen(cache_file, "wb");
  assert_non_null(file);
  assert_int_equal(fwrite(data, 1, bytes, file), bytes);
  assert_int_equal(fclose(file), 0);
}

static void the_pipeline_cache_is_kept_between_runs(void **state) {
  (void)state;
  assert_int_equal(use_cache(folder).count, 0);
  size_t bytes, again;
  uint8_t *first = read_cache(&bytes);
  assert_true(bytes >= 24 + 32);
  assert_memory_equal(first, "motepipe", 8);
  struct stat before, after;
  assert_int_equal(stat(cache_file, &before), 0);
  assert_int_equal(use_cache(folder).count, 0);
  uint8_t *second = read_cache(&again);
  assert_int_equal(stat(cache_file, &after), 0);
  // What did not change is not written: the file is the same one. Some drivers write a time into it.
  if (again == bytes && memcmp(first, second, bytes) == 0) assert_int_equal(after.st_ino, before.st_ino);
  free(first);
  free(second);
}

static void without_a_folder_no_cache_is_kept(void **state) {
  (void)state;
  assert_int_equal(use_cache(NULL).count, 0);
  assert_int_equal(access(cache_file, F_OK), -1);
  cache_file[0] = 0;
}

static void put_u64(uint8_t *at, uint64_t value) {
  for (int i = 0; i < 8; i++) at[i] = (uint8_t)(value >> 8 * i);
}

// Makes prefix and blob agree again after the blob was changed.
static void seal(uint8_t *data, size_t bytes) {
  uint64_t hash = 14695981039346656037u;
  for (size_t i = 24; i < bytes; i++) hash = (hash ^ data[i]) * 1099511628211u;
  put_u64(data + 8, hash);
  put_u64(data + 16, bytes - 24);
}

// VkPipelineCacheHeaderVersionOne behind the prefix: size, version, vendor, device (4 bytes each), UUID (16).
enum { BLOB = 24, VERSION = BLOB + 4, VENDOR = BLOB + 8, DEVICE = BLOB + 12, UUID = BLOB + 16 };

static size_t spoil_magic(uint8_t *data, size_t bytes) {
  data[0] ^= 1;
  return bytes;
}
static size_t spoil_checksum(uint8_t *data, size_t bytes) {
  data[bytes - 1] ^= 0x80;
  return bytes;
}
static size_t spoil_uuid(uint8_t *data, size_t bytes) {
  data[UUID + 15] ^= 1;
  seal(data, bytes);
  return bytes;
}
static size_t spoil_vendor(uint8_t *data, size_t bytes) {
  data[VENDOR] ^= 1;
  seal(data, bytes);
  return bytes;
}
static size_t spoil_device(uint8_t *data, size_t bytes) {
  data[DEVICE + 1] ^= 1;
  seal(data, bytes);
  return bytes;
}
static size_t spoil_version(uint8_t *data, size_t bytes) {
  data[VERSION] = 77;
  seal(data, bytes);
  return bytes;
}
static size_t cut_last_byte(uint8_t *data, size_t bytes) {
  (void)data;
  return bytes - 1;
}
static size_t cut_prefix(uint8_t *data, size_t bytes) {
  (void)data, (void)bytes;
  return 23;
}
static size_t cut_all(uint8_t *data, size_t bytes) {
  (void)data, (void)bytes;
  return 0;
}
static size_t cut_header(uint8_t *data, size_t bytes) {
  (void)bytes;
  seal(data, UUID + 15);
  return UUID + 15;
}
static size_t add_byte(uint8_t *data, size_t bytes) {
  data[bytes] = 0;  // file_read leaves room for it
  return bytes + 1;
}
static size_t claim_more(uint8_t *data, size_t bytes) {
  put_u64(data + 16, UINT64_MAX);
  return bytes;
}

static void a_cache_file_that_is_not_ours_is_said_ignored_and_rewritten(void **state) {
  (void)state;
  static const struct {
    size_t (*spoil)(uint8_t *data, size_t bytes);
    const char *said;
  } cases[] = {
      {spoil_magic, "it is not a pipeline cache"},
      {cut_prefix, "it is not a pipeline cache"},
      {cut_all, "it is not a pipeline cache"},
      {cut_last_byte, "it is truncated"},
      {add_byte, "it is truncated"},
      {claim_more, "it is truncated"},
      {spoil_checksum, "its checksum does not match"},
      {cut_header, "it is too short"},
      {spoil_version, "its header version is unknown"},
      {spoil_vendor, "it was made by another device or driver"},
      {spoil_device, "it was made by another device or driver"},
      {spoil_uuid, "it was made by another device or driver"},
  };
  use_cache(folder);
  for (size_t i = 0; i < COUNT(cases); i++) {
    size_t bytes;
    uint8_t *data = read_cache(&bytes);
    write_cache(data, cases[i].spoil(data, bytes));
    free(data);
    test_log log = use_cache(folder);
    assert_int_equal(log.count, 1);
    assert_contains(log.text, cache_file);
    assert_contains(log.text, "ignored and will be rewritten");
    assert_contains(log.text, cases[i].said);
    assert_int_equal(use_cache(folder).count, 0);  // it was rewritten
  }
}

static void a_cache_that_cannot_be_kept_is_a_warning_only(void **state) {
  (void)state;
  test_log log = use_cache("/dev/null/cache");
  assert_int_equal(log.count, 1);
  assert_contains(log.text, "pipeline cache not kept: /dev/null/cache/pipelines-");
  log = use_cache("/absent_folder/cache");
  assert_int_equal(log.count, 1);
  assert_contains(log.text, "pipeline cache not kept: /absent_folder/cache/pipelines-");
  assert_int_equal(mkdir(cache_file, 0777), 0);  // a folder stands where the file should
  log = use_cache(folder);
  assert_int_equal(log.count, 2);
  assert_contains(log.text, "ignored and will be rewritten: ");
  assert_contains(log.text, "pipeline cache not kept: ");
}

// ---------------------------------------------------------------------------------------------------------------------
// Several, and again and again

static mote_sampler *begin_sampler(mote_model *model, uint64_t seed) {
  mote_error error = {0};
  mote_sampler *sampler;
  MUST(mote_sampler_create(&(mote_sampler_desc){.model = model, .steps = 4, .eta = 1}, &sampler, &error));
  MUST(mote_sampler_begin(sampler, &(mote_sampler_request){.seed = seed}, &error));
  return sampler;
}

static void finish_sampler(mote_sampler **sampler, float *images) {
  mote_error error = {0};
  int left = mote_sampler_step_count(*sampler) - mote_sampler_steps_done(*sampler);
  if (left) MUST(mote_sampler_run(*sampler, left, &error));
  MUST(mote_sampler_read(*sampler, images, &error));
  mote_sampler_destroy(sampler);
}

static void two_devices_at_once_do_not_meet(void **state) {
  (void)state;
  float alone[2][IMAGE], both[2][IMAGE];
  mote_device *devices[2];
  mote_model *models[2];
  mote_sampler *samplers[2];
  mote_error error = {0};
  for (uint64_t i = 0; i < 2; i++) {
    devices[0] = test_device((mote_device_desc){0});
    models[0] = test_model(devices[0], SMALL_MODEL);
    samplers[0] = begin_sampler(models[0], i);
    finish_sampler(&samplers[0], alone[i]);
    mote_model_destroy(&models[0]);
    test_device_end(&devices[0]);
  }
  assert_true(relative_error(alone[0], alone[1], IMAGE) > 0.01);
  for (int i = 0; i < 2; i++) devices[i] = test_device((mote_device_desc){.staging = i == 1});
  for (int i = 0; i < 2; i++) models[i] = test_model(devices[i], SMALL_MODEL);
  for (int i = 0; i < 2; i++) samplers[i] = begin_sampler(models[i], (uint64_t)i);
  for (int step = 0; step < 3; step++)
    for (int i = 0; i < 2; i++) {
      uint64_t other = mote_device_get_counters(devices[1 - i]).submissions;
      MUST(mote_sampler_run(samplers[i], 1, &error));
      assert_int_equal(mote_device_get_counters(devices[1 - i]).submissions, other);
    }
  finish_sampler(&samplers[0], both[0]);
  mote_model_destroy(&models[0]);
  test_device_end(&devices[0]);
  finish_sampler(&samplers[1], both[1]);  // goes on after the other is gone
  mote_model_destroy(&models[1]);
  test_device_end(&devices[1]);
  assert_memory_equal(both, alone, sizeof alone);
}

static void making_and_destroying_everything_twenty_times_leaves_nothing(void **state) {
  (void)state;
  float first[IMAGE], images[IMAGE];
  mote_device *device = test_device((mote_device_desc){0});
  for (int i = 0; i < 20; i++) {
    mote_model *model = test_model(device, SMALL_MODEL);
    mote_sampler *sampler = begin_sampler(model, 1);
    assert_true(mote_device_get_counters(device).memory_bytes > 0);
    finish_sampler(&sampler, i ? images : first);
    mote_model_destroy(&model);
    mote_sampler_destroy(&sampler);
    mote_model_destroy(&model);
    assert_int_equal(mote_device_get_counters(device).memory_bytes, 0);
    if (i) assert_memory_equal(images, first, sizeof first);
  }
  uint64_t peak = mote_device_get_counters(device).memory_peak_bytes;
  test_device_end(&device);
  for (int i = 0; i < 20; i++) {
    device = test_device((mote_device_desc){.staging = i % 2});
    mote_model *model = test_model(device, SMALL_MODEL);
    mote_model_destroy(&model);
    assert_true(mote_device_get_counters(device).memory_peak_bytes <= 2 * peak);
    test_device_end(&device);
  }
}

// ---------------------------------------------------------------------------------------------------------------------
// Jobs

static uint32_t jobs_seen;

static void in_threads(void *user, void (*job)(void *data, uint32_t index), void *data, uint32_t count) {
  assert_ptr_equal(user, &jobs_seen);
  jobs_seen += count;
  parallel_run(NULL, job, data, count);
}

static void backwards(void *user, void (*job)(void *data, uint32_t index), void *data, uint32_t count) {
  (void)user;
  for (uint32_t i = count; i-- > 0;) job(data, i);
}

static void all_but_the_last(void *user, void (*job)(void *data, uint32_t index), void *data, uint32_t count) {
  (void)user;
  for (uint32_t i = 0; i + 1 < count; i++) job(data, i);
}

static void sample_with(mote_parallel_fn parallel, uint8_t *pixels) {
  mote_error error = {0};
  mote_device *device = test_device((mote_device_desc){.parallel = parallel, .parallel_user = &jobs_seen});
  mote_model *model = test_model(device, SMALL_MODEL);
  mote_sampler *sampler;
  jobs_seen = 0;
  MUST(mote_sampler_create(&(mote_sampler_desc){.model = model, .batch = 1, .steps = 2}, &sampler, &error));
  if (parallel == in_threads) {
    assert_true(jobs_seen > 4);
    assert_int_equal(jobs_seen, mote_device_get_counters(device).pipelines_created);
  }
  MUST(mote_sampler_begin(sampler, &(mote_sampler_request){.seed = 3}, &error));
  MUST(mote_sampler_run(sampler, 2, &error));
  MUST(mote_sampler_read_pixels(sampler, pixels, &error));
  mote_sampler_destroy(&sampler);
  mote_model_destroy(&model);
  test_device_end(&device);
}

static void pipelines_are_made_by_the_hosts_jobs_in_any_order(void **state) {
  (void)state;
  uint8_t expected[IMAGE], found[IMAGE];
  sample_with(NULL, expected);
  sample_with(in_threads, found);
  assert_memory_equal(found, expected, IMAGE);
  sample_with(backwards, found);
  assert_memory_equal(found, expected, IMAGE);
}

static void of_kernels_that_fail_together_none_is_kept(void **state) {
  (void)state;
  static const pipeline_request requests[] = {{"activation", NULL, 0}, {"add", NULL, 0}, {"activation", NULL, 0}, {"nothing", NULL, 0}};
  static const mote_parallel_fn ways[] = {NULL, in_threads, all_but_the_last};
  for (int i = 0; i < 3; i++) {
    mote_error error = {0};
    mote_device *device = test_device((mote_device_desc){.parallel = ways[i], .parallel_user = &jobs_seen});
    if (ways[i] == all_but_the_last) {
      pipelines_make(device, requests, 3, &error);
      assert_error(&error, MOTE_ERROR_USAGE, "mote_parallel_fn: returned before all jobs were run");
    } else {
      pipelines_make(device, requests, 4, &error);
      assert_error(&error, MOTE_ERROR_DEVICE, "there is no shader called nothing");
    }
    assert_false(pipeline_is_made(device, "activation", NULL, 0) || pipeline_is_made(device, "add", NULL, 0));
    assert_int_equal(mote_device_get_counters(device).pipelines_created, 0);
    if (ways[i] != all_but_the_last) MUST(pipelines_make(device, requests, 3, &error));
    assert_int_equal(mote_device_get_counters(device).pipelines_created, ways[i] == all_but_the_last ? 0 : 2);
    test_device_end(&device);
  }
}

static void a_kernel_of_more_buffers_than_the_device_binds_is_an_error(void **state) {
  (void)state;
  mote_error error = {0};
  pipeline *kernel;
  mote_device *device = test_device((mote_device_desc){0});
  device_caps *caps = (device_caps *)device_get_caps(device);
  uint32_t most = caps->max_storage_buffers;
  caps->max_storage_buffers = 2;
  pipeline_get(device, "add", NULL, 0, &kernel, &error);
  assert_error(&error, MOTE_ERROR_DEVICE, "shader add takes 3 storage buffers");
  assert_false(pipeline_is_made(device, "add", NULL, 0));
  caps->max_storage_buffers = most;
  MUST(pipeline_get(device, "add", NULL, 0, &kernel, &error));
  test_device_end(&device);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_list_describes_every_device_and_marks_one),
      cmocka_unit_test(a_device_is_selected_by_index),
      cmocka_unit_test(a_device_is_selected_by_part_of_its_name_in_any_case),
      cmocka_unit_test(a_device_is_selected_by_uuid_in_any_case),
      cmocka_unit_test(an_unknown_device_is_an_error_that_lists_what_there_is),
      cmocka_unit_test(no_description_asks_for_the_defaults),
      cmocka_unit_test_setup_teardown(the_pipeline_cache_is_kept_between_runs, make_folder, remove_folder),
      cmocka_unit_test_setup_teardown(without_a_folder_no_cache_is_kept, make_folder, remove_folder),
      cmocka_unit_test_setup_teardown(a_cache_file_that_is_not_ours_is_said_ignored_and_rewritten, make_folder,
                                      remove_folder),
      cmocka_unit_test_setup_teardown(a_cache_that_cannot_be_kept_is_a_warning_only, make_folder, remove_folder),
      cmocka_unit_test(pipelines_are_made_by_the_hosts_jobs_in_any_order),
      cmocka_unit_test(of_kernels_that_fail_together_none_is_kept),
      cmocka_unit_test(a_kernel_of_more_buffers_than_the_device_binds_is_an_error),
      cmocka_unit_test(two_devices_at_once_do_not_meet),
      cmocka_unit_test(making_and_destroying_everything_twenty_times_leaves_nothing),
  };
  return cmocka_run_group_tests_name("device", tests, list_devices, free_list);
}
