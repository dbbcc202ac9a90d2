// test_ops.c: every op against its double-precision reference, in every way that mote can be set up on this device.
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/ops/cases.h"  // before cmocka, which makes a macro of `fail`
#include "tools/measure/selftest_print.h"

#include <cmocka.h>

static selftest_print how;
static selftest_options options = {.compared = selftest_print_compared,
                                   .op_done = selftest_print_op,
                                   .untaken = selftest_print_untaken,
                                   .user = &how};

// MOTE_TEST_DEVICE names the device, MOTE_TEST_VALIDATION=1 loads the validation layers.
static void run_with(mote_device_desc desc) {
  mote_error error = {0};
  mote_device *device;
  desc.select = getenv("MOTE_TEST_DEVICE");
  desc.validation = getenv("MOTE_TEST_VALIDATION") != NULL;
  if (mote_device_create(&desc, &device, &error)) fail_msg("%s", error.message);
  selftest_counts counts;
  if (selftest_run(device, &all_cases, &options, &counts, &error)) fail_msg("%s", error.message);
  mote_device_destroy(&device);
  assert_int_equal(counts.failed, 0);
  assert_true(counts.passed > 0);
}

static void run_about(const char *op, mote_device_desc desc) {
  options.about = op;
  run_with(desc);
  options.about = NULL;
}

static void kernels_that_the_device_prefers(void **state) {
  (void)state;
  run_with((mote_device_desc){0});
}

static void every_kernel_that_fits(void **state) {
  (void)state;
  options.every_kernel = true;
  run_with((mote_device_desc){0});
  options.every_kernel = false;
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
  run_about("conv", (mote_device_desc){.separate_buffers = true, .kernels = MOTE_KERNELS_MATRIX});  // no other op has such kernels
}

// What is copied is the same for every op.
static void copies_through_a_staging_buffer(void **state) {
  (void)state;
  run_about("activation", (mote_device_desc){.staging = true});
}

#define RUN(tests) cmocka_run_group_tests_name(#tests, tests, NULL, NULL)

// `test_ops shared`: every kernel, tensors in common buffers; `test_ops separate`: every class of kernels, one buffer a tensor;
// `test_ops preferred`: only the kernels that the device prefers; `test_ops overruns`: those, one buffer a tensor, each at its oddest size.
int main(int argument_count, char **arguments) {
  const struct CMUnitTest preferred[] = {cmocka_unit_test(kernels_that_the_device_prefers)};
  const struct CMUnitTest shared[] = {
      cmocka_unit_test(every_kernel_that_fits),
      cmocka_unit_test(copies_through_a_staging_buffer),
  };
  const struct CMUnitTest separate[] = {
      cmocka_unit_test(one_buffer_a_tensor_with_sentinels_behind_it),
      cmocka_unit_test(one_buffer_a_tensor_and_plain_kernels),
      cmocka_unit_test(one_buffer_a_tensor_and_tiled_kernels),
      cmocka_unit_test(one_buffer_a_tensor_and_half_precision_matrices),
  };
  const struct CMUnitTest overruns[] = {cmocka_unit_test(one_buffer_a_tensor_with_sentinels_behind_it)};
  const char *which = argument_count > 1 ? arguments[1] : "all";
  if (!strcmp(which, "preferred")) return RUN(preferred);
  if (!strcmp(which, "shared")) return RUN(shared);
  if (!strcmp(which, "separate")) return RUN(separate);
  options.sparing = !strcmp(which, "overruns");
  if (options.sparing) return RUN(overruns);
  if (!strcmp(which, "all")) return RUN(shared) + RUN(separate);
  fprintf(stderr, "test_ops: found \"%s\", expected shared, separate, preferred or overruns\n", which);
  return 2;
}
