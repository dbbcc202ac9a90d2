// test_noise_bits.c: the noise of a seed has the same bits on every device and in every version of mote: their hashes
// stand here. With --print they are printed, so that tests/test_across_devices.py can compare two devices.
#include "tests/support.h"

#include "graph/compile/program.h"
#include "graph/ops/ops.h"
#include "shaders/sampler_update.h"
#include "shaders/step.h"

enum { BATCH = 8, CHANNELS = 3, HEIGHT = 16, VALUES = BATCH * CHANNELS * HEIGHT * HEIGHT };

// FNV-1a over the values' bytes, the lowest first.
static uint64_t hash_floats(const float *values, size_t count) {
  uint64_t hash = 14695981039346656037u;
  for (size_t i = 0; i < count; i++) {
    uint32_t bits;
    memcpy(&bits, values + i, sizeof bits);
    for (int k = 0; k < 4; k++) hash = (hash ^ (bits >> 8 * k & 255)) * 1099511628211u;
  }
  return hash;
}

// Noise of the contract: of x_T where step is NO_STEP, else what a sampler adds after that many steps.
enum { NO_STEP = -1, STEPS = 500 };
static const struct {
  uint64_t seed;
  uint32_t first_sample;
  int step;
  uint64_t hash;
} cases[] = {
    {0, 0, NO_STEP, 0x9e3737eaeae36512},
    {7, 0, NO_STEP, 0xe6dcaf831b322bdb},
    {0xfedcba9876543210, 0, NO_STEP, 0x898e19705b992025},
    {7, 0xfffffff0, NO_STEP, 0x0acd006510bee522},
    {7, 0, 0, 0x1881fe8cbd0a1ea9},
    {0xfedcba9876543210, 123, 499, 0x48dc866933a9ae21},
};

static bool print;

static void draw(mote_device *device, size_t i, float *values) {
  mote_error error = {0};
  graph *graph = graph_create(device_get_caps(device));
  const shape images = {BATCH, CHANNELS, HEIGHT, HEIGHT};
  tensor *x = graph_input(graph, "x", images, ROLE_ACTIVATION), *model = graph_input(graph, "model", images, ROLE_ACTIVATION);
  tensor *table = graph_input(graph, "table", (shape){STEPS, ROW_WORDS, 1, 1}, ROLE_TABLE);
  tensor *step = graph_input(graph, "step", (shape){1, STEP_WORDS, 1, 1}, ROLE_TABLE);
  bool from_step = cases[i].step != NO_STEP;
  if (from_step)
    sampler_update(graph, &(sampler_tensors){.x = x, .model = model, .table = table, .step = step});
  else
    normal_noise(graph, x, step, &(normal_noise_desc){0});
  program *program;
  MUST(program_create(&(program_desc){.device = device, .graph = graph, .name = "noise"}, &program, &error));
  const uint32_t words[STEP_WORDS] = {[STEP_INDEX] = from_step ? (uint32_t)cases[i].step : 0,
                                      [STEP_SEED_LOW] = (uint32_t)cases[i].seed,
                                      [STEP_SEED_HIGH] = (uint32_t)(cases[i].seed >> 32),
                                      [STEP_FIRST_SAMPLE] = cases[i].first_sample};
  float *rows = calloc(STEPS * ROW_WORDS, sizeof *rows);
  for (int k = 0; k < STEPS; k++) rows[k * ROW_WORDS + ROW_NOISE] = 1;  // x' = the noise itself
  memset(values, 0, VALUES * sizeof *values);
  MUST(program_write(program, x, values, &error));
  MUST(program_write(program, model, values, &error));
  MUST(program_write(program, table, rows, &error));
  MUST(program_write(program, step, words, &error));
  MUST(program_run(program, SEQUENCE(STAGE_STEP), 1, &error));
  MUST(program_read(program, x, values, &error));
  free(rows);
  program_destroy(&program);
}

static void noise_has_the_same_bits_on_every_device(void **state) {
  (void)state;
  float *values = test_numbers(0, VALUES);
  mote_device *device = test_device((mote_device_desc){0});
  int differ = 0;
  for (size_t i = 0; i < COUNT(cases); i++) {
    draw(device, i, values);
    uint64_t hash = hash_floats(values, VALUES);
    double mean = 0, square = 0;
    for (int k = 0; k < VALUES; k++) mean += values[k] / VALUES, square += (double)values[k] * values[k] / VALUES;
    assert_true(fabs(mean) < 0.05 && fabs(square - 1) < 0.1);  // normal numbers, whatever their hash
    if (print || hash != cases[i].hash)
      printf("noise of seed %016llx from image %u, step %d: %016llx\n", (unsigned long long)cases[i].seed,
             cases[i].first_sample, cases[i].step, (unsigned long long)hash);
    differ += hash != cases[i].hash;
  }
  test_device_end(&device);
  free(values);
  assert_int_equal(differ, 0);
}

int main(int argc, char **argv) {
  print = argc > 1 && strcmp(argv[1], "--print") == 0;
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(noise_has_the_same_bits_on_every_device),
  };
  return cmocka_run_group_tests_name("noise_bits", tests, NULL, NULL);
}
