// test_profile.c: ceilings are finite and of the right order; dispatch times fill the submission; kernels that measure
// compute what they say.
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "graph/measure/profile.h"
#include "shaders/measure_arithmetic.h"
#include "shaders/measure_copy.h"
#include "shaders/measure_matrix.h"

#include <cmocka.h>

static mote_device *device;
static mote_error error;

static int make_device(void **state) {
  (void)state;
  return mote_device_create(NULL, &device, &error);
}

static int destroy_device(void **state) {
  (void)state;
  mote_device_destroy(&device);
  return 0;
}

static void run_kernel(const char *name, const uint32_t *spec, uint32_t spec_count, dispatch *d) {
  commands *commands;
  assert_int_equal(pipeline_get(device, name, spec, spec_count, &d->pipeline, &error), MOTE_OK);
  assert_int_equal(commands_create(device, name, false, &commands, &error), MOTE_OK);
  assert_int_equal(commands_dispatch(commands, d, &error), MOTE_OK);
  assert_int_equal(commands_finish(commands, &error), MOTE_OK);
  assert_int_equal(commands_run(&commands, 1, 1, &error), MOTE_OK);
  commands_destroy(&commands);
}

static void the_copy_copies_what_it_is_asked_to(void **state) {
  (void)state;
  float from[400], to[400] = {0};
  buffer *buffers[2];
  for (int i = 0; i < 400; i++) from[i] = (float)i + 1;
  for (int i = 0; i < 2; i++) {
    assert_int_equal(buffer_create(device, sizeof from, "copy", &buffers[i], &error), MOTE_OK);
    assert_int_equal(buffer_upload(buffers[i], 0, i ? to : from, sizeof from, &error), MOTE_OK);
  }
  const struct measure_copy_parameters push = {.quads = 90};
  run_kernel("measure_copy", NULL, 0, &(dispatch){.label = "copy",
                                                  .bindings = {{buffers[0], 0, sizeof from}, {buffers[1], 0, sizeof to}},
                                                  .binding_count = 2,
                                                  .push = &push,
                                                  .push_bytes = sizeof push,
                                                  .groups = {2, 1, 1}});
  assert_int_equal(buffer_download(buffers[1], 0, to, sizeof to, &error), MOTE_OK);
  for (int i = 0; i < 400; i++) assert_true(to[i] == (i < 360 ? from[i] : 0));
  assert_int_equal(buffer_copy(buffers[0], buffers[1], sizeof from, 2, &error), MOTE_OK);
  assert_int_equal(buffer_download(buffers[1], 0, to, sizeof to, &error), MOTE_OK);
  assert_memory_equal(to, from, sizeof from);
  buffer_destroy(&buffers[0]);
  buffer_destroy(&buffers[1]);
}

static void the_arithmetic_is_done(void **state) {
  (void)state;
  float sums[64];
  buffer *buffer;
  assert_int_equal(buffer_create(device, sizeof sums, "sums", &buffer, &error), MOTE_OK);
  const struct measure_arithmetic_parameters push = {.rounds = 3, .factor = 0.9f, .term = 0.5f};
  run_kernel("measure_arithmetic", NULL, 0, &(dispatch){.label = "arithmetic",
                                                        .bindings = {{buffer, 0, sizeof sums}},
                                                        .binding_count = 1,
                                                        .push = &push,
                                                        .push_bytes = sizeof push,
                                                        .groups = {1, 1, 1}});
  assert_int_equal(buffer_download(buffer, 0, sums, sizeof sums, &error), MOTE_OK);
  for (int i = 0; i < 64; i++) {
    double sum = 0;
    for (int chain = 0; chain < 4 * ARITHMETIC_VECTORS; chain++) {
      double a = i + chain;
      for (int k = 0; k < 3 * ARITHMETIC_UNROLLED; k++) a = a * 0.9 + 0.5;
      sum += a;
    }
    assert_true(fabs(sums[i] - sum) < 1e-4 * sum);
  }
  buffer_destroy(&buffer);
}

// As written out; what a device multiplies itself cannot differ but in time.
static void the_matrices_are_multiplied(void **state) {
  (void)state;
  enum { WAVE = 32, LOCAL = 64, GROUPS = 2, ROUNDS = 3 };
  float ends[4 * LOCAL * GROUPS];
  buffer *buffer;
  assert_int_equal(buffer_create(device, sizeof ends, "ends", &buffer, &error), MOTE_OK);
  const struct measure_matrix_parameters push = {.rounds = ROUNDS, .value = 0.5f};
  const uint32_t spec[] = {[MEASURE_MATRIX_LOCAL] = LOCAL, [MEASURE_MATRIX_WAVE] = WAVE};
  run_kernel("measure_matrix", spec, 2, &(dispatch){.label = "matrices",
                                                    .bindings = {{buffer, 0, sizeof ends}},
                                                    .binding_count = 1,
                                                    .push = &push,
                                                    .push_bytes = sizeof push,
                                                    .groups = {GROUPS, 1, 1}});
  assert_int_equal(buffer_download(buffer, 0, ends, sizeof ends, &error), MOTE_OK);
  for (int i = 0; i < 4 * LOCAL * GROUPS; i++)
    assert_true(ends[i] == MEASURE_MATRIX_SUMS * ROUNDS * MEASURE_MATRIX_UNROLLED * 16 * 0.25f);
  buffer_destroy(&buffer);
}

static void ceilings_are_of_a_believable_order(void **state) {
  (void)state;
  ceilings c;
  assert_int_equal(ceilings_measure(device, &c, &error), MOTE_OK);
  assert_true(c.flops > 1e8 && c.flops < 1e16);
  assert_true(c.bandwidth > 1e7 && c.bandwidth < 1e14);
  assert_true(c.dispatch > 0 && c.dispatch < 0.1);
  assert_true(c.submission > 0 && c.submission < 1);
  assert_true((c.matrix_flops > 0) == device_get_caps(device)->cooperative);
  c.matrix_flops = 4 * c.flops;
  const program_work arithmetic = {.kernel = "conv", .operations = c.flops, .bytes = c.bandwidth / 2};
  const program_work memory = {.kernel = "conv", .operations = c.flops / 4, .bytes = c.bandwidth / 2};
  const program_work matrices = {.kernel = "conv", .cooperative = true, .operations = c.flops, .bytes = c.bandwidth / 8};
  assert_true(ceilings_bound(&c, &arithmetic) == 1);
  assert_true(ceilings_bound(&c, &memory) == 0.5);
  assert_true(ceilings_bound(&c, &matrices) == 0.25);
}

// Of a size at which what a dispatch itself costs is small beside its work. A machine that does other work between two
// dispatches adds to the step what belongs to none, so one replay of several has to fill it.
static void dispatch_times_add_up_to_the_step(void **state) {
  (void)state;
  uint8_t pixels[32 * 16 * 16 * 3];
  memset(pixels, 77, sizeof pixels);
  const mote_trainer_desc desc = {.device = device,
                                  .model = {.channels = 3, .height = 16, .n_feat = 32, .n_cfeat = 5},
                                  .data = {.count = 32, .pixels = pixels},
                                  .batch = 32,
                                  .lr_schedule = MOTE_LR_CONSTANT};
  mote_trainer *trainer;
  profile p;
  assert_int_equal(mote_trainer_create(&desc, &trainer, &error), MOTE_OK);
  bool filled = false;
  for (int attempt = 0; attempt < 8 && !filled; attempt++) {
    assert_int_equal(profile_measure(&(profile_subject){.trainer = trainer}, 3, &p, &error), MOTE_OK);
    assert_int_equal(p.count, mote_trainer_get_info(trainer).dispatches);
    double traced = 0;
    for (int i = 0; i < p.count; i++) {
      traced += p.rows[i].traced;
      assert_true(p.rows[i].seconds >= 0 && p.rows[i].work.bytes > 0);
      assert_true(i == 0 || p.rows[i].begin + 1e-9 >= p.rows[i - 1].begin + p.rows[i - 1].traced);
    }
    print_message("dispatches %g s of %g s, by submission %d\n", traced, p.submission, p.by_submission);
    assert_true(traced <= p.submission * 1.0001);
    filled = traced > 0.9 * p.submission;
    profile_finish(&p);
  }
  assert_true(filled);
  mote_trainer_destroy(&trainer);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_copy_copies_what_it_is_asked_to),
      cmocka_unit_test(the_arithmetic_is_done),
      cmocka_unit_test(the_matrices_are_multiplied),
      cmocka_unit_test(ceilings_are_of_a_believable_order),
      cmocka_unit_test(dispatch_times_add_up_to_the_step),
  };
  return cmocka_run_group_tests(tests, make_device, destroy_device);
}
