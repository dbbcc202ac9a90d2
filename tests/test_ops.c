// test_ops.c: every op against its double-precision reference, in every way that mote can be set up on this device.
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/selftest.h"  // before cmocka, which makes a macro of `fail`

#include <cmocka.h>

static selftest_options options;

// MOTE_TEST_DEVICE names the device, MOTE_TEST_VALIDATION=1 loads the validation layers.
static void run_with(mote_device_desc desc) {
  mote_error error = {0};
  mote_device *device;
  desc.select = getenv("MOTE_TEST_DEVICE");
  desc.validation = getenv("MOTE_TEST_VALIDATION") != NULL;
  if (mote_device_create(&desc, &device, &error)) fail_msg("%s", error.message);
  selftest_counts counts = selftest_run(device, &options);
  mote_device_destroy(&device);
  assert_int_equal(counts.failed, 0);
  assert_true(counts.passed > 0 || options.about);
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

// Only the convolutions have such kernels, conv and conv_transpose the same. The tests of overruns are the slowest ones.
static void run_with_matrices(bool separate_buffers) {
  const char *about = options.about;
  options.about = separate_buffers ? "conv" : "conv_transpose";
  run_with((mote_device_desc){.separate_buffers = separate_buffers, .kernels = MOTE_KERNELS_MATRIX});
  options.about = about;
}

static void half_precision_matrices(void **state) {
  (void)state;
  run_with_matrices(false);
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

static void one_buffer_a_tensor_and_half_precision_matrices(void **state) {
  (void)state;
  run_with_matrices(true);
}

static void copies_through_a_staging_buffer(void **state) {
  (void)state;
  run_with((mote_device_desc){.staging = true});
}

// With each set of kernels, and no more once one has failed.
static int run_quickly(void) {
  const struct CMUnitTest preferred[] = {cmocka_unit_test(kernels_that_the_device_prefers)};
  const struct CMUnitTest plain[] = {cmocka_unit_test(plain_kernels)};
  const struct CMUnitTest tiled[] = {cmocka_unit_test(tiled_kernels)};
  const struct CMUnitTest matrices[] = {cmocka_unit_test(half_precision_matrices)};
  options.stop = true;
  int failed = cmocka_run_group_tests(preferred, NULL, NULL);
  if (!failed) failed = cmocka_run_group_tests(plain, NULL, NULL);
  if (!failed) failed = cmocka_run_group_tests(tiled, NULL, NULL);
  return failed ? failed : cmocka_run_group_tests(matrices, NULL, NULL);
}

// `test_ops shared` and `test_ops separate`: tensors in common buffers, or one buffer a tensor, only. `test_ops quick
// [SHADER]`: up to the first failure, the ops that the shader's name begins with before all others.
int main(int argument_count, char **arguments) {
  const struct CMUnitTest shared[] = {
      cmocka_unit_test(kernels_that_the_device_prefers),
      cmocka_unit_test(plain_kernels),
      cmocka_unit_test(tiled_kernels),
      cmocka_unit_test(half_precision_matrices),
      cmocka_unit_test(copies_through_a_staging_buffer),
  };
  const struct CMUnitTest separate[] = {
      cmocka_unit_test(one_buffer_a_tensor_with_sentinels_behind_it),
      cmocka_unit_test(one_buffer_a_tensor_and_plain_kernels),
      cmocka_unit_test(one_buffer_a_tensor_and_tiled_kernels),
      cmocka_unit_test(one_buffer_a_tensor_and_half_precision_matrices),
  };
  const char *which = argument_count > 1 ? arguments[1] : "all";
  int failed = 0;
  if (!strcmp(which, "shared") || !strcmp(which, "all")) failed += cmocka_run_group_tests(shared, NULL, NULL);
  if (!strcmp(which, "separate") || !strcmp(which, "all")) failed += cmocka_run_group_tests(separate, NULL, NULL);
  if (!strcmp(which, "shared") || !strcmp(which, "separate") || !strcmp(which, "all")) return failed;
  if (strcmp(which, "quick")) {
    fprintf(stderr, "test_ops: found \"%s\", expected shared, separate or quick\n", which);
    return 2;
  }
  options.about = argument_count > 2 ? arguments[2] : NULL;
  if (options.about) failed = run_quickly();
  options.about = NULL;
  return failed ? failed : run_quickly();
}
