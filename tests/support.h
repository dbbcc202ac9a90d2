// support.h: what tests share: the device under test, small models with seeded weights, and what a log was told.
#ifndef MOTE_TESTS_SUPPORT_H
#define MOTE_TESTS_SUPPORT_H

#include <fnmatch.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "graph/files/safetensors.h"
#include "graph/ir/half.h"
#include "graph/ir/philox.h"
#include "graph/nets/network.h"
#include "graph/nets/parameters.h"
#include "runtime/file.h"

#include <cmocka.h>  // after the headers: it makes a macro of `fail`

#define COUNT(array) (sizeof(array) / sizeof *(array))

// Ends the test with the library's own message if `call`, which fills `error`, fails.
#define MUST(call)                           \
  do {                                       \
    if (call) fail_msg("%s", error.message); \
  } while (0)

// True if tests have names that match `pattern`, such as '*bits*'; then they alone are run.
static inline bool test_choose(const struct CMUnitTest *tests, size_t count, const char *pattern) {
  for (size_t i = 0; i < count; i++)
    if (!fnmatch(pattern, tests[i].name, 0)) return cmocka_set_test_filter(pattern), true;
  fprintf(stderr, "no test's name matches \"%s\"\n", pattern);
  return false;
}

// ---------------------------------------------------------------------------------------------------------------------
// Device

// What a device said through its log.
typedef struct test_log {
  char text[8192];
  int count;
} test_log;

static inline void test_log_take(void *user, const char *message) {
  test_log *log = user;
  size_t length = strlen(log->text);
  snprintf(log->text + length, sizeof log->text - length, "%s\n", message);
  log->count++;
}

// Of devices whose test brings no log of its own.
static test_log unasked;

// MOTE_TEST_DEVICE names the device, MOTE_TEST_VALIDATION=1 loads the validation layers, whose messages fail calls.
static inline mote_device *test_device(mote_device_desc desc) {
  mote_error error = {0};
  mote_device *device;
  if (!desc.select) desc.select = getenv("MOTE_TEST_DEVICE");
  if (!desc.log) desc.log = test_log_take, desc.log_user = &unasked;
  desc.validation = getenv("MOTE_TEST_VALIDATION") != NULL;
  MUST(mote_device_create(&desc, &device, &error));
  return device;
}

// Everything that was made on it must be gone by now; what was not, the validation layers name while it is destroyed.
static inline void test_device_end(mote_device **device) {
  uint64_t left = mote_device_get_counters(*device).memory_bytes;
  mote_device_destroy(device);
  assert_null(*device);
  assert_int_equal(left, 0);
  if (strstr(unasked.text, "validation: ")) fail_msg("%s", unasked.text);
}

static inline void assert_contains(const char *text, const char *expected) {
  if (!strstr(text, expected)) fail_msg("expected '%s' in '%s'", expected, text);
}

static inline void assert_error(const mote_error *error, mote_status status, const char *expected) {
  if (error->status != status || !strstr(error->message, expected))
    fail_msg("expected status %d and '%s', found %d and '%s'", status, expected, error->status, error->message);
}

// ---------------------------------------------------------------------------------------------------------------------
// Numbers

// Number `index` of a stream, uniform in [-1, 1).
static inline float test_number(uint32_t stream, uint32_t index) {
  return (float)(philox((philox_block){{index, stream, 0, 0}}, 99).words[0] >> 8) / 8388608.0f - 1;
}

// `count` of them; the caller frees.
static inline float *test_numbers(uint32_t stream, size_t count) {
  float *numbers = malloc(count * sizeof *numbers + 1);
  assert_non_null(numbers);
  for (size_t i = 0; i < count; i++) numbers[i] = test_number(stream, (uint32_t)i);
  return numbers;
}

// ‖a - b‖ / ‖b‖
static inline double relative_error(const float *a, const float *b, size_t count) {
  double difference = 0, norm = 0;
  for (size_t i = 0; i < count; i++) {
    difference += ((double)a[i] - b[i]) * ((double)a[i] - b[i]);
    norm += (double)b[i] * b[i];
  }
  return sqrt(difference / norm);
}

// ---------------------------------------------------------------------------------------------------------------------
// Weights

#define TEST_TENSORS 160

// A weights file before it is written. Tests change it to something that should be refused, or that should not matter.
typedef struct weights {
  safetensors_tensor tensors[TEST_TENSORS];
  char names[TEST_TENSORS][NAME_BYTES];
  size_t count;
  safetensors_pair metadata[24];
  size_t metadata_count;
  char numbers[4][16];  // of channels, height, n_feat, n_cfeat
} weights;

static inline bool name_ends(const char *name, const char *end) {
  size_t length = strlen(name), end_length = strlen(end);
  return length >= end_length && strcmp(name + length - end_length, end) == 0;
}

static inline safetensors_tensor *weights_find(weights *w, const char *name) {
  for (size_t i = 0; i < w->count; i++)
    if (strcmp(w->names[i], name) == 0) return &w->tensors[i];
  fail_msg("no tensor %s", name);
  return NULL;
}

static inline void weights_remove(weights *w, const char *name) {
  size_t at = (size_t)(weights_find(w, name) - w->tensors);
  free((void *)(uintptr_t)w->tensors[at].data);
  w->count--;
  for (size_t i = at; i < w->count; i++) {
    w->tensors[i] = w->tensors[i + 1];
    memcpy(w->names[i], w->names[i + 1], NAME_BYTES);
    w->tensors[i].name = w->names[i];
  }
}

static inline safetensors_tensor *weights_add(weights *w, const char *name, int dim_count, const uint64_t *dims) {
  assert_true(w->count < TEST_TENSORS);
  safetensors_tensor *tensor = &w->tensors[w->count];
  *tensor = (safetensors_tensor){.dtype = SAFETENSORS_F32, .dim_count = dim_count};
  snprintf(w->names[w->count], NAME_BYTES, "%s", name);
  tensor->name = w->names[w->count];
  size_t count = 1;
  for (int i = 0; i < dim_count; i++) count *= (size_t)(tensor->dims[i] = dims[i]);
  tensor->data = test_numbers((uint32_t)w->count, count);
  w->count++;
  return tensor;
}

static inline size_t weights_elements(const safetensors_tensor *tensor) {
  size_t count = 1;
  for (int i = 0; i < tensor->dim_count; i++) count *= (size_t)tensor->dims[i];
  return count;
}

// Replaces a metadata value; NULL takes it out.
static inline void weights_set(weights *w, const char *key, const char *value) {
  size_t at = 0;
  while (at < w->metadata_count && strcmp(w->metadata[at].key, key)) at++;
  if (!value) {
    assert_true(at < w->metadata_count);
    w->metadata[at] = w->metadata[--w->metadata_count];
    return;
  }
  if (at == w->metadata_count) w->metadata_count++;
  w->metadata[at] = (safetensors_pair){key, value};
}

// The size that a trained network's numbers have: weights ±√3/√inputs keep the variance, statistics are near 0 and 1.
static inline void weights_scale(safetensors_tensor *tensor) {
  float *data = (float *)(uintptr_t)tensor->data;
  size_t count = weights_elements(tensor);
  float scale = 0.1f, centre = 0;
  if (tensor->dim_count > 1) {
    size_t inputs = count / (size_t)tensor->dims[0];
    if (strncmp(tensor->name, "up", 2) == 0 && !strstr(tensor->name, "conv")) inputs = (size_t)tensor->dims[0];
    scale = 1.7f / sqrtf((float)inputs);
  } else if (name_ends(tensor->name, "running_var")) {
    scale = 0.5f, centre = 1;
  } else if (name_ends(tensor->name, ".1.weight")) {
    scale = 0.3f, centre = 1;
  }
  for (size_t i = 0; i < count; i++) data[i] = centre + scale * data[i];
}

// Every parameter of the network, as PyTorch would shape it, with seeded numbers, and all metadata. `info` gives the
// sizes, timesteps (0: 500), schedule and prediction. The caller calls weights_free.
static inline weights *weights_make(const mote_model_info *info) {
  weights *w = calloc(1, sizeof *w);
  graph *graph = graph_create(NULL);
  assert_true(w && graph);
  const network_inputs inputs = network_make_inputs(graph, info, 1, false);
  assert_non_null(network_build(graph, info, &inputs).y);
  for (int i = 0; i < graph->tensor_count; i++) {
    const tensor *t = graph->tensors[i];
    if (t->kind != TENSOR_PARAMETER) continue;
    uint64_t dims[4];
    const int dim_count = parameter_dims(t, dims);
    weights_scale(weights_add(w, t->name, dim_count, dims));
  }
  graph_destroy(&graph);
  const int numbers[4] = {info->channels, info->height, info->n_feat, info->n_cfeat};
  static const char *const keys[4] = {"channels", "height", "n_feat", "n_cfeat"};
  for (int i = 0; i < 4; i++) {
    snprintf(w->numbers[i], sizeof w->numbers[i], "%d", numbers[i]);
    weights_set(w, keys[i], w->numbers[i]);
  }
  weights_set(w, "architecture", "context_unet");
  weights_set(w, "timesteps", "500");
  static const char *const schedules[] = {"linear", "cosine", "ddpm", "scaled_linear", "flow"};
  weights_set(w, "schedule", schedules[info->schedule]);
  weights_set(w, "beta_start", "0.0001");
  weights_set(w, "beta_end", "0.02");
  static const char *const predictions[] = {"epsilon", "v", "x0", "flow"};
  weights_set(w, "prediction", predictions[info->prediction]);
  return w;
}

static inline void weights_free(weights **w) {
  for (size_t i = 0; i < (*w)->count; i++) free((void *)(uintptr_t)(*w)->tensors[i].data);
  free(*w);
  *w = NULL;
}

// The file's bytes; the caller frees.
static inline uint8_t *weights_bytes(const weights *w, size_t *bytes) {
  char path[] = "/tmp/mote_weights_XXXXXX";
  int descriptor = mkstemp(path);
  assert_true(descriptor >= 0);
  close(descriptor);
  mote_error error = {0};
  uint8_t *data = NULL;
  mote_status status = safetensors_write(path, w->tensors, w->count, w->metadata, w->metadata_count, &error);
  if (!status) status = file_read(path, (size_t)1 << 30, &data, bytes, &error);
  unlink(path);
  if (status) fail_msg("%s", error.message);
  return data;
}

// Loads them under the name "test.st".
static inline mote_status weights_load(const weights *w, mote_device *device, mote_model **model, mote_error *error) {
  size_t bytes;
  uint8_t *data = weights_bytes(w, &bytes);
  mote_status status = mote_model_load_memory(device, "test.st", data, bytes, model, error);
  free(data);
  return status;
}

// A small network that every device runs in milliseconds.
#define SMALL_MODEL ((mote_model_info){.channels = 3, .height = 8, .n_feat = 8, .n_cfeat = 5})

static inline mote_model *test_model(mote_device *device, mote_model_info info) {
  mote_error error = {0};
  mote_model *model;
  weights *w = weights_make(&info);
  MUST(weights_load(w, device, &model, &error));
  weights_free(&w);
  return model;
}

#endif
