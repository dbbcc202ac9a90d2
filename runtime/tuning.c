// tuning.c: remembers choices of kernels, and trusts no byte of the file.
//
// File: text. "mote tuning 1", the device and its driver, a hash of all embedded shaders, one line a choice (key, choice, what
// it is about), and "end" with the FNV-1a hash of everything before it. Anything else is said, ignored, rewritten. The name holds
// the hash of the lines before the choices, so that builds and drivers that share a folder keep a file each.
#include "runtime/tuning.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/file.h"
#include "runtime/hash.h"
#include "runtime/list.h"
#include "runtime/vulkan.h"

enum { FILE_MAX_BYTES = 4 << 20, ABOUT_BYTES = 96, HEAD_BYTES = 640, MOST_CHOICE = 255 };

struct tuning_entry {
  uint64_t key;
  int choice;
  char about[ABOUT_BYTES];
};

mote_tune device_tunes(const mote_device *device) { return device->tune; }

int tuning_find(const mote_device *device, uint64_t key) {
  for (size_t i = 0; i < device->tuning_count; i++)
    if (device->tuning[i].key == key) return device->tuning[i].choice;
  return -1;
}

static mote_status add(mote_device *device, const tuning_entry *entry, mote_error *error) {
  if (!LIST_ROOM(device->tuning, device->tuning_count)) return fail(error, MOTE_ERROR_MEMORY, "out of memory");
  device->tuning[device->tuning_count++] = *entry;
  return MOTE_OK;
}

mote_status tuning_keep(mote_device *device, uint64_t key, int choice, const char *about, mote_error *error) {
  tuning_entry entry = {.key = key, .choice = choice};
  snprintf(entry.about, sizeof entry.about, "%s", about);
  for (char *c = entry.about; *c; c++)
    if (*c < ' ' || *c > '~') *c = '?';
  device->tuning_changed = true;
  return add(device, &entry, error);
}

// ---------------------------------------------------------------------------------------------------------------------
// File

// The lines that a file of this device, driver and program begins with.
static void write_head(const mote_device *device, char head[HEAD_BYTES]) {
  uint64_t hash = HASH_START;
  const shader *shader;
  for (size_t i = 0; (shader = shader_at(i)); i++) hash = hash_words(hash, shader->words, shader->word_count);
  snprintf(head, HEAD_BYTES, "mote tuning 1\ndevice %s, %s\nshaders %016" PRIx64 "\n", device->info.name,
           device->info.driver, hash);
}

// One line, without its end; false when it is no choice.
static bool read_entry(const char *line, tuning_entry *entry) {
  char *end;
  *entry = (tuning_entry){.key = strtoull(line, &end, 16)};
  if (end != line + 16 || *end != ' ') return false;
  const char *digits = end + 1;
  long choice = strtol(digits, &end, 10);
  if (end == digits || *end != ' ' || choice < 0 || choice > MOST_CHOICE || strlen(end + 1) >= ABOUT_BYTES) return false;
  entry->choice = (int)choice;
  snprintf(entry->about, sizeof entry->about, "%s", end + 1);
  return true;
}

// Takes the lines in; what is wrong with the text, or NULL. A zero byte follows it.
static const char *read_text(mote_device *device, char *text, size_t bytes, mote_error *error) {
  char head[HEAD_BYTES];
  write_head(device, head);
  size_t head_bytes = strlen(head), magic_bytes = strlen("mote tuning 1\n");
  if (bytes < magic_bytes || memcmp(text, head, magic_bytes) || strlen(text) != bytes) return "it is no tuning file";
  if (bytes < head_bytes || memcmp(text, head, head_bytes)) return "it was made on another device, driver or mote";
  char *last = strstr(text + head_bytes - 1, "\nend ");
  if (!last) return "it is truncated";
  char *end;
  uint64_t sum = strtoull(last + 5, &end, 16);
  if (end != text + bytes - 1 || *end != '\n') return "it is truncated";
  if (hash_bytes(HASH_START, text, (size_t)(last + 1 - text)) != sum) return "its checksum does not match";
  last[1] = 0;
  for (char *line = text + head_bytes; *line;) {
    char *line_end = strchr(line, '\n');
    tuning_entry entry;
    *line_end = 0;
    if (!read_entry(line, &entry)) return "a line of it cannot be understood";
    if (add(device, &entry, error)) return "there is no memory for it";
    line = line_end + 1;
  }
  return NULL;
}

mote_status tuning_create(mote_device *device, const char *directory, mote_error *error) {
  if (!directory || device->tune == MOTE_TUNE_OFF) return MOTE_OK;
  char head[HEAD_BYTES];
  write_head(device, head);
  size_t length = strlen(directory) + sizeof "/tuning--0123456789abcdef.txt" + sizeof device->info.uuid;
  device->tuning_path = malloc(length);
  if (!device->tuning_path) return fail(error, MOTE_ERROR_MEMORY, "out of memory");
  snprintf(device->tuning_path, length, "%s/tuning-%s-%016" PRIx64 ".txt", directory, device->info.uuid,
           hash_bytes(HASH_START, head, strlen(head)));
  uint8_t *text = NULL;
  size_t bytes;
  mote_error unreadable = {0};
  const char *fault = unreadable.message;
  if (!file_read_own(device->tuning_path, FILE_MAX_BYTES, &text, &bytes, &unreadable))
    fault = text ? read_text(device, (char *)text, bytes, &unreadable) : NULL;
  free(text);
  if (!fault) return MOTE_OK;
  device_log(device, "%s: ignored and will be rewritten: %s", device->tuning_path, fault);
  device->tuning_count = 0;
  device->tuning_changed = true;
  return MOTE_OK;
}

// A file that cannot be written is a warning: the next run looks again, nothing else.
static mote_status write_back(mote_device *device, mote_error *error) {
  char head[HEAD_BYTES], line[ABOUT_BYTES + 32];
  file_writer writer = {0};
  write_head(device, head);
  uint64_t hash = hash_bytes(HASH_START, head, strlen(head));
  TRY(file_writer_init_own(&writer, device->tuning_path, error));
  mote_status status = file_writer_write(&writer, head, strlen(head), error);
  for (size_t i = 0; i < device->tuning_count && !status; i++) {
    const tuning_entry *entry = &device->tuning[i];
    snprintf(line, sizeof line, "%016" PRIx64 " %d %s\n", entry->key, entry->choice, entry->about);
    hash = hash_bytes(hash, line, strlen(line));
    status = file_writer_write(&writer, line, strlen(line), error);
  }
  snprintf(line, sizeof line, "end %016" PRIx64 "\n", hash);
  if (!status) status = file_writer_write(&writer, line, strlen(line), error);
  if (!status) status = file_writer_commit(&writer, error);
  file_writer_abort(&writer);
  return status;
}

void tuning_destroy(mote_device *device) {
  mote_error error = {0};
  if (device->tuning_path && device->tuning_changed && write_back(device, &error))
    device_log(device, "tuning not kept: %s", error.message);
  free(device->tuning_path);
  free(device->tuning);
}
