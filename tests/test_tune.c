// test_tune.c: the tuner takes what is faster and right, and remembers it; its file is trusted in nothing.
#include "graph/kernels/kernel.h"
#include "graph/compile/program.h"
#include "graph/ops/ops.h"
#include "runtime/tuning.h"
#include "shaders/activation.h"
#include "shaders/add.h"
#include "tests/support.h"

#include <dirent.h>
#include <math.h>
#include <sys/stat.h>

static char folder[] = "/tmp/mote_tune_XXXXXX";
static test_log told;

static mote_device *open_device(mote_tune tune, mote_kernels kernels) {
  told = (test_log){0};
  return test_device((mote_device_desc){
      .cache_directory = folder, .tune = tune, .kernels = kernels, .log = test_log_take, .log_user = &told});
}

// ---------------------------------------------------------------------------------------------------------------------
// Ops of the test's own: y = gelu(x), in several ways

typedef struct candidate {
  uint32_t kind;
  uint32_t wasted;  // times as many workgroups as it needs
  uint32_t order;
  bool unlikely;
} candidate;

static candidate candidates[3];
static int candidate_count;
static uint32_t left_out, push_places;  // so many elements are not computed, and which words of push the key leaves out

static int vary(const kernel *kernel, const device_caps *caps, const node *node, variant variants[MOST_VARIANTS]) {
  (void)kernel, (void)caps, (void)node;
  for (int i = 0; i < candidate_count; i++)
    variants[i] = (variant){.order = candidates[i].order, .unlikely = candidates[i].unlikely, .words = {i}};
  return candidate_count;
}

static mote_status activate(launches *to, tensor *x, tensor *y, candidate as, mote_error *error) {
  struct activation_parameters push = {.quads = (uint)(tensor_bytes(x) / 16) - left_out};
  launch launch = {.shader = "activation",
                   .spec = {[ACTIVATION_KIND] = as.kind},
                   .spec_count = 1,
                   .bindings = {x, y},
                   .binding_count = 2,
                   .push = &push,
                   .push_bytes = sizeof push,
                   .push_places = push_places};
  spread((uint64_t)push.quads * as.wasted, PLAIN_LOCAL_SIZE, launch.groups);
  return launches_add(to, &launch, error);
}

static mote_status launch_variant(const node *node, launches *to, mote_error *error) {
  return activate(to, node->inputs[0], node->outputs[0], candidates[to->variant.words[0]], error);
}

static const op several_op = {.name = "several", .kernels = KERNELS({"several", MOTE_KERNELS_PLAIN, NULL, launch_variant, vary})};

// A program of one node of `op`.
static program *make_program(mote_device *device, const op *op) {
  mote_error error = {0};
  program *program;
  graph *graph = graph_create(device_get_caps(device));
  tensor *x = graph_input(graph, "x", (shape){8, 32, 32, 32}, ROLE_ACTIVATION);
  node *node = graph_append(graph, op, &x, 1, 0, NULL, 0);
  node_output(graph, node, x->shape, ROLE_ACTIVATION)->keep = true;
  MUST(program_create(&(program_desc){.device = device, .graph = graph, .name = "several"}, &program, &error));
  return program;
}

// Which of the candidates a new program takes.
static int chosen(mote_device *device) {
  program *program = make_program(device, &several_op);
  const launch *taken = program_get_launch(program, SEQUENCE(STAGE_STEP), 0);
  int found = -1;
  for (int i = 0; i < candidate_count; i++) {
    uint32_t groups[3] = {0};
    spread((uint64_t)(tensor_bytes(taken->bindings[0]) / 16) * candidates[i].wasted, PLAIN_LOCAL_SIZE, groups);
    if (taken->spec[ACTIVATION_KIND] == candidates[i].kind && taken->groups[0] == groups[0] && taken->groups[1] == groups[1])
      found = i;
  }
  program_destroy(&program);
  return found;
}

// A program whose time is up keeps its first candidate, and the next one looks on: a busy machine takes several.
static void assert_chosen(mote_device *device, int expected) {
  int found = chosen(device);
  for (int more = 0; more < 20 && found != expected; more++) found = chosen(device);
  assert_int_equal(found, expected);
}

static void offer(int count, candidate first, candidate second, candidate third) {
  candidates[0] = first;
  candidates[1] = second;
  candidates[2] = third;
  candidate_count = count;
}

static void test_the_faster_is_taken(void **state) {
  (void)state;
  mote_device *device = open_device(MOTE_TUNE_FAST, 0);
  offer(2, (candidate){ACTIVATION_GELU, 60}, (candidate){ACTIVATION_GELU, 1}, (candidate){0});
  assert_chosen(device, 1);
  offer(2, (candidate){ACTIVATION_GELU, 1}, (candidate){ACTIVATION_GELU, 60}, (candidate){0});
  assert_int_equal(chosen(device), 0);
  for (int unlikely = 0; unlikely < 2; unlikely++) {  // or of another order: for a full search either way
    offer(3, (candidate){ACTIVATION_GELU, 60}, (candidate){ACTIVATION_GELU, 30}, (candidate){ACTIVATION_GELU, 1, !unlikely, unlikely});
    assert_chosen(device, 1);
  }
  test_device_end(&device);
  device = open_device(MOTE_TUNE_FULL, 0);
  assert_chosen(device, 2);
  test_device_end(&device);
  device = open_device(MOTE_TUNE_OFF, 0);
  assert_int_equal(chosen(device), 0);
  assert_int_equal(mote_device_get_counters(device).submissions, 0);
  test_device_end(&device);
}

// Where the work lies is no part of it: what was found for it elsewhere is taken without timing anything.
static void test_the_place_of_the_work_does_not_count(void **state) {
  (void)state;
  mote_device *device = open_device(MOTE_TUNE_FULL, 0);
  push_places = PUSH_PLACE(activation_parameters, quads);
  offer(2, (candidate){ACTIVATION_GELU, 50}, (candidate){ACTIVATION_GELU, 1}, (candidate){0});
  assert_chosen(device, 1);
  uint64_t submissions = mote_device_get_counters(device).submissions;
  left_out = 1;
  assert_int_equal(chosen(device), 1);
  assert_int_equal(mote_device_get_counters(device).submissions, submissions);
  push_places = 0;
  (void)chosen(device);
  assert_true(mote_device_get_counters(device).submissions > submissions);
  left_out = 0;
  test_device_end(&device);
}

// ---------------------------------------------------------------------------------------------------------------------
// Several kernels

static bool list_is_wrong;

static mote_status launch_slow(const node *node, launches *to, mote_error *error) {
  return activate(to, node->inputs[0], node->outputs[0], (candidate){ACTIVATION_GELU, 60, 0, 0}, error);
}

// Two launches, of which the first fills scratch, and the second, add, takes it and a table of zeros.
static mote_status launch_list(const node *node, launches *to, mote_error *error) {
  tensor *x = node->inputs[0], *scratch, *table;
  TRY(launches_scratch(to, (int)(tensor_bytes(x) / 4), &scratch, error));
  TRY(launches_table(to, (int)(tensor_bytes(x) / 4), &table, error));
  TRY(activate(to, x, scratch, (candidate){ACTIVATION_GELU, 1, 0, 0}, error));
  struct add_parameters push = {.quads = (uint)(tensor_bytes(x) / 16), .scale = list_is_wrong ? 1.01f : 1};
  launch launch = {.shader = "add",
                   .bindings = {scratch, table, node->outputs[0]},
                   .binding_count = 3,
                   .push = &push,
                   .push_bytes = sizeof push};
  spread(push.quads, PLAIN_LOCAL_SIZE, launch.groups);
  return launches_add(to, &launch, error);
}

static const op apart_op = {.name = "apart", .kernels = KERNELS({"slow", MOTE_KERNELS_PLAIN, NULL, launch_slow},
                                                                {"list", MOTE_KERNELS_PLAIN, NULL, launch_list})};
static const op equal_op = {.name = "equal", .kernels = KERNELS({"slow", MOTE_KERNELS_PLAIN, NULL, launch_slow, .order = 1},
                                                                {"list", MOTE_KERNELS_PLAIN, NULL, launch_list, .order = 1})};
static const op classes_op = {.name = "classes", .kernels = KERNELS({"slow", MOTE_KERNELS_PLAIN, NULL, launch_slow},
                                                                    {"list", MOTE_KERNELS_MATRIX, NULL, launch_list})};
static const op halves_op = {.name = "halves", .kernels = KERNELS({"slow", MOTE_KERNELS_PLAIN, NULL, launch_slow},
                                                                  {"list", MOTE_KERNELS_PLAIN, NULL, launch_list, .half = true})};

// The kernel that a new program takes; its results are right and it has the tensors of that kernel alone.
static const char *kernel_of(mote_device *device, const op *op) {
  mote_error error = {0};
  enum { COUNT_X = 8 * 32 * 32 * 32 };
  program *program = make_program(device, op);
  graph *graph = program_graph(program);
  const kernel *kernel = program_get_kernel(program, SEQUENCE(STAGE_STEP), 0);
  bool list = !strcmp(kernel->name, "list");
  assert_int_equal(graph->tensor_count, list ? 4 : 2);
  assert_int_equal(program_dispatch_count(program, SEQUENCE(STAGE_STEP)), list ? 2 : 1);
  float *x = test_numbers(1, COUNT_X), *y = malloc(COUNT_X * sizeof *y);
  assert_non_null(y);
  MUST(program_write(program, graph->tensors[0], x, &error));
  MUST(program_run(program, SEQUENCE(STAGE_STEP), 2, &error));
  MUST(program_read(program, graph->tensors[1], y, &error));
  for (int i = 0; i < COUNT_X; i += 97) assert_true(fabs(y[i] - x[i] * 0.5 * erfc(-x[i] / sqrt(2))) < 1e-5);
  free(x);
  free(y);
  program_destroy(&program);
  return kernel->name;
}

static void assert_kernel(mote_device *device, const op *op, const char *expected) {
  const char *found = kernel_of(device, op);
  for (int more = 0; more < 20 && strcmp(found, expected); more++) found = kernel_of(device, op);
  assert_string_equal(found, expected);
}

static void test_kernels_are_compared_as_whole_lists(void **state) {
  (void)state;
  mote_device *device = open_device(MOTE_TUNE_FAST, 0);
  assert_string_equal(kernel_of(device, &apart_op), "slow");
  assert_int_equal(mote_device_get_counters(device).submissions, 1);  // nothing was timed
  assert_kernel(device, &equal_op, "list");
  test_device_end(&device);
  device = open_device(MOTE_TUNE_FULL, 0);
  assert_kernel(device, &apart_op, "list");
  assert_kernel(device, &classes_op, "list");
  assert_string_equal(kernel_of(device, &halves_op), "slow");
  device_prefer_kernels(device, "slow");
  assert_string_equal(kernel_of(device, &apart_op), "slow");
  test_device_end(&device);
  device = open_device(MOTE_TUNE_FULL, MOTE_KERNELS_TEXEL);  // a class that was asked for is kept
  assert_string_equal(kernel_of(device, &classes_op), "slow");
  list_is_wrong = true;
  assert_string_equal(kernel_of(device, &apart_op), "slow");
  list_is_wrong = false;
  test_device_end(&device);
}

// ReLU is faster than sixty GELU, and is not GELU.
static void test_what_is_wrong_is_not_taken(void **state) {
  (void)state;
  for (mote_tune tune = MOTE_TUNE_FAST; tune <= MOTE_TUNE_FULL; tune++) {
    mote_device *device = open_device(tune, 0);
    offer(2, (candidate){ACTIVATION_GELU, 60}, (candidate){ACTIVATION_RELU, 1}, (candidate){0});
    assert_int_equal(chosen(device), 0);
    offer(3, (candidate){ACTIVATION_GELU, 60}, (candidate){ACTIVATION_RELU, 1}, (candidate){ACTIVATION_GELU, 2});
    assert_chosen(device, 2);
    test_device_end(&device);
  }
}

// ---------------------------------------------------------------------------------------------------------------------
// The file

static void find_file(char path[512]) {
  DIR *listing = opendir(folder);
  assert_non_null(listing);
  *path = 0;
  for (struct dirent *entry; (entry = readdir(listing));)
    if (!strncmp(entry->d_name, "tuning-", 7)) snprintf(path, 512, "%s/%s", folder, entry->d_name);
  closedir(listing);
}

static char *read_file(const char *path, size_t *bytes) {
  mote_error error = {0};
  uint8_t *data = NULL;
  MUST(file_read(path, 1 << 20, &data, bytes, &error));
  return (char *)data;
}

static void write_file(const char *path, const char *data, size_t bytes) {
  FILE *file = fopen(path, "wb");
  assert_non_null(file);
  assert_int_equal(fwrite(data, 1, bytes, file), bytes);
  fclose(file);
}

static void forget(void) {
  char path[512];
  find_file(path);
  if (*path) unlink(path);
}

static void offer_known(void) { offer(2, (candidate){ACTIVATION_GELU, 60}, (candidate){ACTIVATION_GELU, 1}, (candidate){0}); }

static void test_it_is_remembered(void **state) {
  (void)state;
  forget();
  offer_known();
  mote_device *device = open_device(MOTE_TUNE_FAST, 0);
  assert_chosen(device, 1);
  uint64_t submissions = mote_device_get_counters(device).submissions;
  assert_true(submissions > 0);
  assert_int_equal(chosen(device), 1);
  assert_int_equal(mote_device_get_counters(device).submissions, submissions);  // nothing was timed again
  test_device_end(&device);
  char path[512];
  size_t bytes;
  find_file(path);
  char *text = read_file(path, &bytes);
  assert_contains(text, "mote tuning 1\ndevice ");
  assert_contains(text, " 1 activation 8x32x32x32 several\n");
  free(text);
  device = open_device(MOTE_TUNE_FAST, 0);
  assert_int_equal(chosen(device), 1);
  assert_int_equal(mote_device_get_counters(device).submissions, 0);
  test_device_end(&device);
  assert_int_equal(told.count, 0);
}

// Where a text begins, one of its bytes is changed; NULL: the file is cut there, at a share of its length.
static void expect_distrust(const char *fault, const char *at, size_t offset, char instead, const char *good,
                            size_t bytes) {
  char path[512], *bad = malloc(bytes + 1);
  assert_non_null(bad);
  memcpy(bad, good, bytes + 1);
  size_t length = bytes;
  if (at)
    strstr(bad, at)[offset] = instead;
  else
    length = offset;
  find_file(path);
  write_file(path, bad, length);
  free(bad);
  mote_device *device = open_device(MOTE_TUNE_FAST, 0);
  assert_contains(told.text, "ignored and will be rewritten");
  assert_contains(told.text, fault);
  offer_known();
  assert_chosen(device, 1);
  test_device_end(&device);
  char *rewritten = read_file(path, &length);
  assert_int_equal(length, bytes);
  assert_memory_equal(rewritten, good, bytes);
  free(rewritten);
}

static void test_a_spoilt_file_is_not_trusted(void **state) {
  (void)state;
  forget();
  offer_known();
  mote_device *device = open_device(MOTE_TUNE_FAST, 0);
  assert_chosen(device, 1);
  test_device_end(&device);
  char path[512];
  size_t bytes;
  find_file(path);
  char *good = read_file(path, &bytes);
  expect_distrust("no tuning file", "mote", 0, 'M', good, bytes);
  expect_distrust("no tuning file", "activation", 0, 0, good, bytes);
  expect_distrust("another device, driver or mote", "device ", 8, '#', good, bytes);
  expect_distrust("another device, driver or mote", "shaders ", 9, 'x', good, bytes);
  expect_distrust("checksum", " 1 activation", 1, '0', good, bytes);
  expect_distrust("truncated", "end ", 5, 'z', good, bytes);
  expect_distrust("truncated", NULL, bytes - 1, 0, good, bytes);
  expect_distrust("truncated", NULL, bytes * 3 / 4, 0, good, bytes);
  expect_distrust("no tuning file", NULL, 0, 0, good, bytes);
  free(good);
}

// Another build of the program, whose shaders differ, keeps a file of its own beside this one.
static void test_builds_do_not_discard_each_other(void **state) {
  (void)state;
  char path[512], other[520];
  size_t bytes, other_bytes;
  forget();
  offer_known();
  mote_device *device = open_device(MOTE_TUNE_FAST, 0);
  assert_chosen(device, 1);
  test_device_end(&device);
  find_file(path);
  char *mine = read_file(path, &bytes);
  const char *start = strrchr(path, '-') + 1;
  assert_int_equal(strspn(start, "0123456789abcdef"), 16);
  unlink(path);
  snprintf(other, sizeof other, "%.*s0000000000000000.txt", (int)(start - path), path);
  write_file(other, mine, bytes);
  device = open_device(MOTE_TUNE_FAST, 0);
  assert_int_equal(told.count, 0);
  offer_known();
  assert_chosen(device, 1);
  test_device_end(&device);
  assert_int_equal(access(path, F_OK), 0);
  char *kept = read_file(other, &other_bytes);
  assert_int_equal(other_bytes, bytes);
  assert_memory_equal(kept, mine, bytes);
  unlink(other);
  free(mine);
  free(kept);
}

// A line that only a hand, or another program, could have written.
static void test_a_strange_line_is_not_trusted(void **state) {
  (void)state;
  static const char *const lines[] = {"0123456789abcdef 256 too large\n", "0123456789abcdef -1 negative\n",
                                      "123 1 short key\n", "0123456789abcdef\n", "\n", "0123456789abcdef 1x a\n"};
  for (size_t i = 0; i < COUNT(lines); i++) {
    char path[512], text[2048];
    size_t bytes;
    find_file(path);
    char *good = read_file(path, &bytes);
    int head = 0;  // the first three lines
    for (int ends = 0; ends < 3; head++) ends += good[head] == '\n';
    snprintf(text, sizeof text, "%.*s%s", head, good, lines[i]);
    uint64_t hash = 14695981039346656037u;
    for (const char *c = text; *c; c++) hash = (hash ^ (uint8_t)*c) * 1099511628211u;
    snprintf(text + strlen(text), sizeof text - strlen(text), "end %016llx\n", (unsigned long long)hash);
    write_file(path, text, strlen(text));
    free(good);
    mote_device *device = open_device(MOTE_TUNE_FAST, 0);
    assert_contains(told.text, "cannot be understood");
    test_device_end(&device);
  }
}

// ---------------------------------------------------------------------------------------------------------------------
// Networks

static float *sample(mote_device *device, size_t *count) {
  mote_error error = {0};
  mote_model *model = test_model(device, (mote_model_info){.channels = 3, .height = 16, .n_feat = 16, .n_cfeat = 5});
  mote_sampler *sampler;
  MUST(mote_sampler_create(&(mote_sampler_desc){.model = model, .steps = 3, .batch = 16}, &sampler, &error));
  MUST(mote_sampler_begin(sampler, &(mote_sampler_request){.seed = 4}, &error));
  MUST(mote_sampler_run(sampler, 3, &error));
  *count = 16 * 3 * 16 * 16;
  float *x = malloc(*count * sizeof *x);
  assert_non_null(x);
  MUST(mote_sampler_read(sampler, x, &error));
  mote_sampler_destroy(&sampler);
  mote_model_destroy(&model);
  return x;
}

static void test_images_do_not_depend_on_it(void **state) {
  (void)state;
  forget();
  for (mote_kernels kernels = MOTE_KERNELS_TEXEL; kernels <= MOTE_KERNELS_MATRIX; kernels++) {
    size_t count;
    mote_device *device = open_device(MOTE_TUNE_OFF, kernels);
    float *plain = sample(device, &count);
    test_device_end(&device);
    device = open_device(MOTE_TUNE_FAST, kernels);
    float *tuned = sample(device, &count);
    test_device_end(&device);
    assert_memory_equal(plain, tuned, count * sizeof *plain);
    free(tuned);
    if (kernels == MOTE_KERNELS_TEXEL) {
      device = open_device(MOTE_TUNE_FULL, kernels);
      tuned = sample(device, &count);
      assert_true(mote_device_get_counters(device).submissions > 20);
      test_device_end(&device);
      assert_true(relative_error(tuned, plain, count) < 1e-3);
      free(tuned);
    }
    free(plain);
  }
}

static int make_folder(void **state) {
  (void)state;
  return !mkdtemp(folder);
}

static int remove_folder(void **state) {
  (void)state;
  DIR *listing = opendir(folder);
  for (struct dirent *entry; listing && (entry = readdir(listing));) {
    char path[512];
    snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
    unlink(path);
  }
  if (listing) closedir(listing);
  return rmdir(folder);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_the_faster_is_taken),          cmocka_unit_test(test_what_is_wrong_is_not_taken),
      cmocka_unit_test(test_the_place_of_the_work_does_not_count),
      cmocka_unit_test(test_kernels_are_compared_as_whole_lists),
      cmocka_unit_test(test_it_is_remembered),             cmocka_unit_test(test_a_spoilt_file_is_not_trusted),
      cmocka_unit_test(test_builds_do_not_discard_each_other),
      cmocka_unit_test(test_a_strange_line_is_not_trusted), cmocka_unit_test(test_images_do_not_depend_on_it)};
  return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
