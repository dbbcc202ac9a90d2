// test_ops.c: every op against its double-precision reference, in every way that mote can be set up on this device.
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/selftest.h"  // before cmocka, which makes a macro of `fail`

#include <cmocka.h>

// MOTE_TEST_DEVICE names the device, MOTE_TEST_VALIDATION=1 loads the validation layers.
static void run_with(mote_device_desc desc) {
  mote_error error = {0};
  mote_device *device;
  desc.select = getenv("MOTE_TEST_DEVICE");
  desc.validation = getenv("MOTE_TEST_VALIDATION") != NULL;
  if (mote_device_create(&desc, &device, &error)) fail_msg("%s", error.message);
  selftest_counts counts = selftest_run(device, false, false);
  mote_device_destroy(&device);
  assert_int_equal(counts.failed, 0);
  assert_true(counts.passed > 0);
}

static void kernels_that_the_device_prefers(void **state) {
  (void)state;
  run_with((mote_device_desc){0});
}

static void plain_kernels(void **state) {
  (void)state;
  run_with((mote_device_desc){.plain_kernels = true});
}

static void tiled_kernels(void **state) {
  (void)state;
  run_with((mote_device_desc){.kernels = MOTE_KERNELS_TILED});
}

static void one_buffer_a_tensor_with_sentinels_behind_it(void **state) {
  (void)state;
  run_with((mote_device_desc){.separate_buffers = true});
}

static void one_buffer_a_tensor_and_plain_kernels(void **state) {
  (void)state;
  run_with((mote_device_desc){.separate_buffers = true, .plain_kernels = true});
}

static void one_buffer_a_tensor_and_tiled_kernels(void **state) {
  (void)state;
  run_with((mote_device_desc){.separate_buffers = true, .kernels = MOTE_KERNELS_TILED});
}

static void copies_through_a_staging_buffer(void **state) {
  (void)state;
  run_with((mote_device_desc){.staging = true});
}

// `test_ops quick`: the sets of kernels only, and no more once one has failed.
int main(int argument_count, char **arguments) {
  const struct CMUnitTest preferred[] = {cmocka_unit_test(kernels_that_the_device_prefers)};
  const struct CMUnitTest plain[] = {cmocka_unit_test(plain_kernels)};
  const struct CMUnitTest tiled[] = {cmocka_unit_test(tiled_kernels)};
  const struct CMUnitTest set_ups[] = {
      cmocka_unit_test(one_buffer_a_tensor_with_sentinels_behind_it),
      cmocka_unit_test(one_buffer_a_tensor_and_plain_kernels),
      cmocka_unit_test(one_buffer_a_tensor_and_tiled_kernels),
      cmocka_unit_test(copies_through_a_staging_buffer),
  };
  bool quick = argument_count > 1 && strcmp(arguments[1], "quick") == 0;
  int failed = cmocka_run_group_tests(preferred, NULL, NULL);
  if (!quick || failed == 0) failed += cmocka_run_group_tests(plain, NULL, NULL);
  if (!quick || failed == 0) failed += cmocka_run_group_tests(tiled, NULL, NULL);
  if (!quick) failed += cmocka_run_group_tests(set_ups, NULL, NULL);
  return failed;
}
