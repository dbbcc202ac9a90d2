// seeded_fault.c: do the op tests notice changed shaders? For seeded_faults.sh.
//
//   seeded_fault FOLDER NAME
//
// The shaders FOLDER/*.spv stand in for the embedded ones of their names. Only op tests that take one of them run,
// those of ops with which NAME begins first, up to the first that fails; that one must pass with the embedded shaders.
// Exits with 0 if there is such a test, with 1 if all pass, with 2 if something else went wrong.
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/file.h"
#include "tests/ops/cases.h"
#include "tools/measure/selftest_print.h"

enum { SHADERS = 256, SHADER_BYTES = 4 << 20 };

static shader changed[SHADERS];
static size_t changed_count;
static int case_count;  // that began with the present set-up
static int only_case;   // the one that runs whatever it takes; 0: those that take a changed shader
static bool is_wanted = true;

static bool takes_changed_shader(const pipeline_request *requests, size_t count) {
  for (size_t i = 0; i < count; i++)
    for (size_t k = 0; k < changed_count; k++)
      if (!strcmp(requests[i].shader_name, changed[k].name)) return true;
  return false;
}

// The linker puts it before the library's. To refuse here saves the driver the kernels of cases that do not matter.
mote_status __real_pipelines_make(mote_device *device, const pipeline_request *requests, size_t count, mote_error *error);
mote_status __wrap_pipelines_make(mote_device *device, const pipeline_request *requests, size_t count, mote_error *error);
mote_status __wrap_pipelines_make(mote_device *device, const pipeline_request *requests, size_t count, mote_error *error) {
  is_wanted = only_case ? case_count + 1 == only_case : takes_changed_shader(requests, count);
  if (!is_wanted) return fail(error, MOTE_ERROR_USAGE, "a case that does not matter");
  return __real_pipelines_make(device, requests, count, error);
}

// What fails before it asks for kernels is wanted.
static bool was_wanted(void) {
  bool answer = is_wanted;
  case_count++;
  is_wanted = true;
  return answer;
}

static int is_spirv(const struct dirent *entry) {
  size_t length = strlen(entry->d_name);
  return length > 4 && !strcmp(entry->d_name + length - 4, ".spv");
}

// Every shader belongs to the process until it ends.
static bool read_shaders(const char *folder) {
  struct dirent **files;
  int count = scandir(folder, &files, is_spirv, alphasort);
  for (int i = 0; i < count && i < SHADERS; i++) {
    char path[4096];
    uint8_t *data;
    size_t bytes;
    mote_error error;
    snprintf(path, sizeof path, "%s/%s", folder, files[i]->d_name);
    if (file_read(path, SHADER_BYTES, &data, &bytes, &error)) {
      fprintf(stderr, "seeded_fault: %s\n", error.message);
      return false;
    }
    char *name = strndup(files[i]->d_name, strlen(files[i]->d_name) - 4);
    if (!name || !shader_find(name)) {
      fprintf(stderr, "seeded_fault: %s: there is no shader of this name to replace\n", path);
      return false;
    }
    changed[changed_count++] = (shader){name, (const uint32_t *)(const void *)data, bytes / 4};
  }
  if (!changed_count) fprintf(stderr, "seeded_fault: %s: found no .spv file\n", folder);
  return changed_count > 0;
}

typedef enum outcome { NOTICED, UNNOTICED, TROUBLE } outcome;

// Only the convolutions have kernels for matrices, conv and conv_transpose the same.
static outcome try_set_up(const mote_device_desc *desc, const char *about) {
  selftest_print how = {0};
  selftest_options options = {
      .stop = true, .about = about, .wanted = was_wanted, .compared = selftest_print_compared, .user = &how};
  selftest_counts counts;
  mote_error error = {0};
  mote_device *device;
  if (mote_device_create(desc, &device, &error)) {
    fprintf(stderr, "seeded_fault: %s\n", error.message);
    return TROUBLE;
  }
  device_set_shaders(device, changed, changed_count);
  case_count = only_case = 0;
  mote_status status = selftest_run(device, &all_cases, &options, &counts, &error);
  outcome found = status ? TROUBLE : counts.failed ? NOTICED : UNNOTICED;
  if (found == NOTICED && !counts.device_lost) {
    device_set_shaders(device, NULL, 0);
    only_case = case_count;
    case_count = 0;
    status = selftest_run(device, &all_cases, &options, &counts, &error);
    if (status || counts.passed != 1 || counts.failed) {
      fprintf(stderr, "seeded_fault: this test fails without the fault, too\n");
      found = TROUBLE;
    }
  }
  mote_device_destroy(&device);
  return found;
}

// The kernels that a shader is for, as far as its name tells; they are tried first, since only that saves time.
static mote_kernels kernels_of(const char *name) {
  if (strstr(name, "_matrix")) return MOTE_KERNELS_MATRIX;
  return strstr(name, "tiled") ? MOTE_KERNELS_TILED : MOTE_KERNELS_AUTO;
}

static outcome try_all(const char *about, mote_kernels first) {
  const mote_device_desc set_ups[] = {
      {0},
      {.plain_kernels = true},
      {.kernels = MOTE_KERNELS_TILED},
      {.kernels = MOTE_KERNELS_MATRIX},
      {.separate_buffers = true},
      {.separate_buffers = true, .plain_kernels = true},
      {.separate_buffers = true, .kernels = MOTE_KERNELS_TILED},
      {.separate_buffers = true, .kernels = MOTE_KERNELS_MATRIX},
  };
  outcome found = UNNOTICED;
  for (int others = 0; others <= 1; others++)
    for (size_t i = 0; i < sizeof set_ups / sizeof *set_ups && found == UNNOTICED; i++)
      if ((set_ups[i].kernels != first) == others)
        found = try_set_up(&set_ups[i], set_ups[i].kernels == MOTE_KERNELS_MATRIX ? "conv_transpose" : about);
  return found;
}

int main(int argument_count, char **arguments) {
  if (argument_count != 3) {
    fprintf(stderr, "seeded_fault: expected a folder and a shader's name\n");
    return 2;
  }
  if (!read_shaders(arguments[1])) return 2;
  mote_kernels first = kernels_of(changed[0].name);
  outcome found = try_all(arguments[2], first);
  if (found == UNNOTICED) found = try_all(NULL, first);
  return found == NOTICED ? 0 : found == UNNOTICED ? 1 : 2;
}
