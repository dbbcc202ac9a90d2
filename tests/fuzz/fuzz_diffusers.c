// fuzz_diffusers.c: whatever the JSON of a diffusers folder says, it is refused with a message or describes a model in its ranges.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "graph/nets/diffusers_model.h"
#include "graph/nets/settings.h"
#include "runtime/text.h"
#include "runtime/vulkan.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static void check(bool condition) {
  if (!condition) abort();
}

static void write_file(const char *path, const uint8_t *data, size_t bytes) {
  FILE *file = fopen(path, "wb");
  check(file && fwrite(data, 1, bytes, file) == bytes && !fclose(file));
}

// A pipeline of what stands between NULs: config, scheduler and index; without the last two the model alone. Weights are there, and empty.
static const char *write_folder(const uint8_t *data, size_t bytes) {
  static char path[64];
  diffusers_folder files;
  snprintf(path, sizeof path, "/tmp/mote_fuzz_diffusers_%d", (int)getpid());
  const uint8_t *end = data + bytes, *scheduler = bytes ? memchr(data, 0, bytes) : NULL, *index = NULL;
  if (scheduler) index = memchr(scheduler + 1, 0, (size_t)(end - scheduler - 1));
  check(diffusers_name_files(path, index != NULL, &files));
  const char *folders[] = {path, files.unet};
  for (int i = 0; i < (index ? 2 : 1); i++) mkdir(folders[i], 0777);
  write_file(files.config, data, (size_t)((scheduler ? scheduler : end) - data));
  write_file(files.weights, data, 0);
  if (!index) return path;
  char folder[sizeof path + 16];
  snprintf(folder, sizeof folder, "%s/scheduler", path);
  mkdir(folder, 0777);
  write_file(files.scheduler, scheduler + 1, (size_t)(index - scheduler - 1));
  write_file(files.index, index + 1, (size_t)(end - index - 1));
  return path;
}

static void remove_index(const char *path) {
  diffusers_folder files;
  check(diffusers_name_files(path, true, &files));
  remove(files.index);
}

static void check_model(const mote_model_info *info) {
  check(network_of(info) && info->timesteps >= 1 && info->beta_start > 0 && info->beta_start <= info->beta_end && info->beta_end < 1);
  check(info->sampling.offset >= 0 && info->sampling.offset < info->timesteps && info->sampling.clip >= 0);
  check(info->sampling.threshold >= 0 && info->sampling.threshold <= 1);
  for (const network_setting *setting = network_of(info)->settings; setting->name; setting++) {
    const setting_value value = setting_get(info, setting);
    check(setting_in_range(setting, &value));
    const setting_text text = setting_describe(info, setting);
    check(text.text[0] && text_is_clean(text.text, strlen(text.text)));
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes) {
  static const mote_device device;  // without a log
  static safetensors_entry entry;
  const safetensors none = {.entries = &entry, .count = 0};
  static diffusers_folder folder;
  const char *path = write_folder(data, bytes);
  mote_error error = {0};
  mote_model_info info;
  mote_status status = diffusers_open(path, &folder, &error);
  if (!status) status = diffusers_describe(&device, &folder, &none, &info, &error);
  check(status == error.status && !status == !error.message[0]);
  check(text_is_clean(error.message, strlen(error.message)));
  if (!status) check_model(&info);
  remove_index(path);
  return 0;
}
