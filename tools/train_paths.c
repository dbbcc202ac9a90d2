// train_paths.c: where a training run's files stand, and whose turn it is to write them.
#include "tools/train_paths.h"

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
  const char *const names[] = {"state.safetensors", "log.csv", "loss.png", "settings.json"};
  char *const paths[] = {p->state, p->log, p->curve, p->settings};
  p->lock = -1;
  int length = snprintf(p->folder, sizeof p->folder, "%s.run", output);
  for (int i = 0; i < 4 && length < PATH_MAX; i++)
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

mote_status train_paths_make(train_paths *p, mote_error *error) {
  if (mkdir(p->folder, 0777) && errno != EEXIST)
    return fail(error, MOTE_ERROR_FILE, "%s: cannot be made: %s", p->folder, strerror(errno));
  return train_paths_lock(p, error);
}
