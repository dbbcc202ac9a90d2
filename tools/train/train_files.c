// train_files.c: the files that a training run reads, as its settings.json names them.
#include "tools/train/train_files.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "runtime/error.h"
#include "runtime/hash.h"
#include "runtime/text.h"
#include "tools/options.h"

static bool exists(const char *path) {
  struct stat found;
  return !stat(path, &found);
}

// The folder that `path` lies in, as it was written; "." for a bare name.
static void name_folder(const char *path, char folder[PATH_MAX]) {
  const char *slash = strrchr(path, '/');
  int length = !slash ? 0 : slash == path ? 1 : (int)(slash - path);
  snprintf(folder, PATH_MAX, "%.*s", length ? length : 1, length ? path : ".");
}

// From the root and without links, but for the last part: a link is what was asked for, wherever it may lead next time.
static bool make_absolute(const char *path, char absolute[PATH_MAX]) {
  char trimmed[PATH_MAX], folder[PATH_MAX], real[PATH_MAX];
  size_t length = strlen(path);
  while (length > 1 && path[length - 1] == '/') length--;
  if (length >= sizeof trimmed) return false;
  snprintf(trimmed, sizeof trimmed, "%.*s", (int)length, path);
  const char *slash = strrchr(trimmed, '/'), *name = slash ? slash + 1 : trimmed;
  if (!*name || !strcmp(name, ".") || !strcmp(name, "..")) return realpath(trimmed, absolute) != NULL;
  name_folder(trimmed, folder);
  if (!realpath(folder, real)) return false;
  return snprintf(absolute, PATH_MAX, "%s/%s", strcmp(real, "/") ? real : "", name) < PATH_MAX;
}

mote_status train_file_store(const char *option, const char *output, const char *path, char stored[PATH_MAX], mote_error *error) {
  char folder[PATH_MAX], base[PATH_MAX], absolute[PATH_MAX];
  name_folder(output, folder);
  if (!exists(path) || !make_absolute(path, absolute) || !realpath(folder, base)) {
    snprintf(stored, PATH_MAX, "%s", path);
    return MOTE_OK;
  }
  size_t length = strcmp(base, "/") ? strlen(base) : 0;
  bool below = !strncmp(absolute, base, length) && (absolute[length] == '/' || !absolute[length]);
  // The run's folder stands in `base`, so that ".." leads there.
  if (snprintf(stored, PATH_MAX, "%s%s", below ? ".." : "", below ? absolute + length : absolute) >= PATH_MAX)
    return fail(error, MOTE_ERROR_USAGE, "%s: %s: name too long", option, path);
  if (text_is_clean(stored, strlen(stored))) return MOTE_OK;
  return fail(error, MOTE_ERROR_USAGE,
              "%s: %s: is called %s in all, expected names in UTF-8 without control characters, which the run's settings can hold",
              option, path, stored);
}

bool train_file_find(const char *output, const char *stored, char path[PATH_MAX]) {
  char folder[PATH_MAX];
  if (stored[0] == '/') return snprintf(path, PATH_MAX, "%s", stored) < PATH_MAX && exists(path);
  if (!strncmp(stored, "..", 2) && (stored[2] == '/' || !stored[2])) {
    name_folder(output, folder);
    const char *rest = stored[2] ? stored + 3 : "";
    int length = strcmp(folder, ".") || !*rest ? snprintf(path, PATH_MAX, "%s%s%s", folder, *rest ? "/" : "", rest)
                                               : snprintf(path, PATH_MAX, "%s", rest);
    if (length < PATH_MAX && exists(path)) return true;
  }
  if (snprintf(path, PATH_MAX, "%s", stored) >= PATH_MAX || !exists(path)) return false;
  say("%s: taken from this folder, since the run's settings do not say which it is relative to", path);
  return true;
}

mote_status train_file_digest(const char *option, const char *path, char digest[TRAIN_DIGEST_BYTES], mote_error *error) {
  struct stat found;
  digest[0] = 0;
  if (!stat(path, &found) && !S_ISREG(found.st_mode)) return MOTE_OK;
  FILE *file = fopen(path, "rbe");
  uint64_t hash = HASH_START;
  char buffer[65536];
  if (!file) return fail(error, MOTE_ERROR_FILE, "%s: %s: cannot be opened: %s", option, path, strerror(errno));
  for (size_t got; (got = fread(buffer, 1, sizeof buffer, file));) hash = hash_bytes(hash, buffer, got);
  bool failed = ferror(file) != 0;
  fclose(file);
  if (failed) return fail(error, MOTE_ERROR_FILE, "%s: %s: cannot be read", option, path);
  snprintf(digest, TRAIN_DIGEST_BYTES, "%016" PRIx64, hash);
  return MOTE_OK;
}
