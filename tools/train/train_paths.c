// train_paths.c: where a training run's files stand, and whose turn it is to write them.
#include "tools/train/train_paths.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/error.h"
#include "runtime/file.h"

mote_status train_paths_init(train_paths *p, const char *output, mote_error *error) {
  const char *const names[] = {"state.safetensors", "log.csv", "loss.png", "settings.json", "written.json", "next.safetensors"};
  char *const paths[] = {p->state, p->log, p->curve, p->settings, p->written, p->next};
  p->lock = -1;
  int length = snprintf(p->folder, sizeof p->folder, "%s.run", output);
  for (int i = 0; i < 6 && length < PATH_MAX; i++)
    length = snprintf(paths[i], PATH_MAX, "%.*s/%s", PATH_MAX - 20, p->folder, names[i]);
  if (length >= PATH_MAX) return fail(error, MOTE_ERROR_USAGE, "-o: %.200s...: name too long", output);
  return MOTE_OK;
}

void train_paths_finish(train_paths *p) {
  if (p->lock >= 0) close(p->lock);
  p->lock = -1;
}

mote_status train_paths_lock(train_paths *p, mote_error *error) {
  if (p->lock >= 0) return MOTE_OK;
  p->lock = open(p->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (p->lock < 0) return MOTE_OK;
  // A file system without locks is no reason not to train.
  if (flock(p->lock, LOCK_EX | LOCK_NB) && errno == EWOULDBLOCK)
    return fail(error, MOTE_ERROR_FILE, "%s: another process is training this run", p->folder);
  file_sweep_own_folder(p->folder);
  return MOTE_OK;
}

static bool exists(const char *path) {
  struct stat found;
  return !stat(path, &found);
}

bool train_paths_has_settings(const train_paths *p) {
  return exists(p->settings);
}

bool train_paths_has_state(const train_paths *p) {
  return exists(p->state);
}

// Whether anything lies in the folder but what a killed process left, written.json among it, and the plan of mote distill.
static bool folder_is_used(const train_paths *p) {
  DIR *folder = opendir(p->folder);
  bool used = false;
  for (const struct dirent *entry; !used && folder && (entry = readdir(folder));)
    used = strcmp(entry->d_name, ".") && strcmp(entry->d_name, "..") && strcmp(entry->d_name, TRAIN_PATHS_PLAN) &&
           strcmp(entry->d_name, "written.json") && strncmp(entry->d_name, ".mote-", 6);
  if (folder) closedir(folder);
  return used;
}

mote_status train_paths_check_free(const train_paths *p, const char *output, mote_error *error) {
  if (folder_is_used(p))
    return fail(error, MOTE_ERROR_FILE,
                "-o: %s holds a run already; go on with it by --resume, replace it by --force, or name another -o", p->folder);
  struct stat found;
  if (!stat(output, &found) && S_ISREG(found.st_mode))
    return fail(error, MOTE_ERROR_FILE, "-o: %s is there already, and not of a run in %s; replace it by --force, or name another -o",
                output, p->folder);
  return MOTE_OK;
}

mote_status train_paths_make(train_paths *p, mote_error *error) {
  if (p->lock >= 0) return MOTE_OK;
  if (mkdir(p->folder, 0777)) {
    if (errno == EEXIST)
      return fail(error, MOTE_ERROR_FILE, "-o: %s was not there, and another process has made it by now", p->folder);
    return fail(error, MOTE_ERROR_FILE, "%s: cannot be made: %s", p->folder, strerror(errno));
  }
  return train_paths_lock(p, error);
}

// Names that a run gives to its files. The plan of mote distill is not the run's.
static bool is_of_a_run(const char *name) {
  size_t length = strlen(name);
  return !strcmp(name, "log.csv") || !strcmp(name, "loss.png") || !strcmp(name, "next.safetensors") ||
         (!strncmp(name, "samples-", 8) && length > 12 && !strcmp(name + length - 4, ".png"));
}

mote_status train_paths_clear(const train_paths *p, mote_error *error) {
  // First of all the checkpoint, which must never be found beside the settings of another run.
  if (unlink(p->state) && errno != ENOENT) return fail(error, MOTE_ERROR_FILE, "%s: cannot be removed: %s", p->state, strerror(errno));
  DIR *folder = opendir(p->folder);
  for (const struct dirent *entry; folder && (entry = readdir(folder));)
    if (is_of_a_run(entry->d_name)) unlinkat(dirfd(folder), entry->d_name, 0);
  if (folder) closedir(folder);
  return MOTE_OK;
}
