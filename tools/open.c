// open.c: opens the device and the model that the options ask for.
#include "runtime/runtime.h"
#include "tools/open.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "graph/nets/model.h"
#include "graph/nets/network.h"
#include "runtime/error.h"
#include "tools/default_model.h"
#include "tools/parallel.h"

static void print_warning(void *user, const char *message) {
  (void)user;
  say("warning: %s", message);
}

// mkdir -p. Returns 0 or an errno.
static int make_directories(const char *path) {
  char part[PATH_MAX];
  size_t length = strlen(path);
  if (length >= sizeof part) return ENAMETOOLONG;
  memcpy(part, path, length + 1);
  for (size_t i = 1; i <= length; i++) {
    if (part[i] != '/' && part[i]) continue;
    char kept = part[i];
    part[i] = 0;
    if (mkdir(part, 0777) && errno != EEXIST) return errno;
    part[i] = kept;
  }
  struct stat found;
  if (stat(path, &found)) return errno;
  return S_ISDIR(found.st_mode) ? 0 : ENOTDIR;
}

// The XDG base directory specification: $XDG_CACHE_HOME when it is absolute, else ~/.cache.
static const char *default_cache(char *path, size_t bytes) {
  const char *base = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
  int length = -1;
  if (base && base[0] == '/')
    length = snprintf(path, bytes, "%s/mote", base);
  else if (home && home[0] == '/')
    length = snprintf(path, bytes, "%s/.cache/mote", home);
  return length > 0 && (size_t)length < bytes && !make_directories(path) ? path : NULL;
}

mote_status open_device(const common_options *common, mote_device **device, mote_error *error) {
  char path[PATH_MAX];
  const char *cache = common->cache;
  if (!cache) {
    cache = default_cache(path, sizeof path);
  } else if (!strcmp(cache, "none")) {
    cache = NULL;
  } else {
    int code = make_directories(cache);
    if (code) return fail(error, MOTE_ERROR_FILE, "--cache: cannot make the folder %s: %s", cache, strerror(code));
  }
  const mote_device_desc desc = {.select = common->device,
                                 .cache_directory = cache,
                                 .validation = common->validation,
                                 .separate_buffers = common->separate_buffers,
                                 .kernels = common->kernels,
                                 .tune = cache || common->tune_given ? common->tune : MOTE_TUNE_OFF,
                                 .memory_limit = (uint64_t)(common->memory * 1048576),
                                 .log = print_warning,
                                 .parallel = parallel_run};
  TRY(mote_device_create(&desc, device, error));
  device_prefer_kernels(*device, common->kernel_list);
  return MOTE_OK;
}

mote_status check_model_given(const char *path, mote_error *error) {
  size_t bytes = 0;
  if (path || default_model(&bytes)) return MOTE_OK;
  return fail(error, MOTE_ERROR_USAGE,
              "no MODEL given: this build has no weights of its own, name a .safetensors file");
}

// The program's images have 1 to 4 channels: the library's need not, and arrays do not.
static mote_status load_file(mote_device *device, const char *path, mote_model **model, mote_error *error) {
  TRY(mote_model_load_file(device, path, model, error));
  const int channels = mote_model_get_info(*model)->channels;
  if (channels <= 4) return MOTE_OK;
  mote_model_destroy(model);
  return fail(error, MOTE_ERROR_UNSUPPORTED, "%s: is for images of %d channels, expected 1 to 4", path, channels);
}

mote_status open_model(mote_device *device, const char *path, mote_model **model, mote_error *error) {
  return path ? load_file(device, path, model, error) : open_any_model(device, path, model, error);
}

mote_status open_sized_model(mote_device *device, const char *path, const int size[2], mote_model **model, mote_error *error) {
  TRY(open_model(device, path, model, error));
  return size[0] ? model_set_size(*model, "--size", size[0], size[1], error) : MOTE_OK;
}

mote_status open_any_model(mote_device *device, const char *path, mote_model **model, mote_error *error) {
  if (path) return mote_model_load_file(device, path, model, error);
  TRY(check_model_given(path, error));
  size_t bytes = 0;
  const void *data = default_model(&bytes);
  return mote_model_load_memory(device, DEFAULT_MODEL_NAME, data, bytes, model, error);
}

void size_model(mote_model *model, const npy_array *images) {
  mote_error ignored;
  if (images->dim_count == 4 && images->dims[2] <= INT_MAX && images->dims[3] <= INT_MAX)
    model_set_size(model, images->name, (int)images->dims[3], (int)images->dims[2], &ignored);
}

mote_status check_makes_images(const mote_model *model, const char *path, mote_error *error) {
  const mote_model_info *info = mote_model_get_info(model);
  if (!info->classifies) return MOTE_OK;
  return fail(error, MOTE_ERROR_USAGE, "%s: is a %s, expected %s", path ? path : DEFAULT_MODEL_NAME, info->architecture,
              network_list_of(false).text);
}

bool default_classifier_given(void) {
  size_t bytes = 0;
  return default_classifier(&bytes) != NULL;
}

mote_status open_classifier(mote_device *device, const char *path, mote_model **model, mote_error *error) {
  if (path) return load_file(device, path, model, error);
  size_t bytes = 0;
  const void *data = default_classifier(&bytes);
  return mote_model_load_memory(device, DEFAULT_CLASSIFIER_NAME, data, bytes, model, error);
}

void say_device(const mote_device_info *device) {
  say("device %u: %s (%s)", (unsigned)device->index, device->name, device_type_name(device->type));
}

const char *device_type_name(mote_device_type type) {
  switch (type) {
    case MOTE_DEVICE_INTEGRATED: return "integrated GPU";
    case MOTE_DEVICE_DISCRETE: return "discrete GPU";
    case MOTE_DEVICE_VIRTUAL: return "virtual GPU";
    case MOTE_DEVICE_CPU: return "CPU driver";
    case MOTE_DEVICE_OTHER: break;
  }
  return "other";
}
