// file.c: whole-file reading and atomic writing over POSIX files.
#include "runtime/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "runtime/error.h"
#include "runtime/hash.h"
#include "runtime/list.h"

// ---------------------------------------------------------------------------------------------------------------------
// Reading

static mote_status fail_too_large(const char *path, size_t max_bytes, mote_error *error) {
  return fail(error, MOTE_ERROR_FILE, "%s: larger than %zu bytes, the most that is read of such a file", path,
              max_bytes);
}

static mote_status check_type(const char *path, mode_t mode, bool pipes, mote_error *error) {
  if (S_ISREG(mode) || (S_ISFIFO(mode) && pipes)) return MOTE_OK;
  const char *found = S_ISDIR(mode) ? "directory" : S_ISFIFO(mode) ? "pipe" : S_ISLNK(mode) ? "link" : "device or socket";
  return fail(error, MOTE_ERROR_FILE, "%s: is a %s, expected a regular file%s", path, found,
              pipes && !S_ISDIR(mode) ? " or a pipe" : "");
}

typedef enum input { NAMED, FOUND, OWN } input;  // may be a pipe; may be a link only; may be neither

// Opens without waiting for a pipe's writer, and no device at all. The path may have become something else in between.
static mote_status open_input(const char *path, input kind, int *descriptor, struct stat *info, mote_error *error) {
  *descriptor = -1;
  bool pipes = kind == NAMED, found = !(kind == OWN ? lstat : stat)(path, info);
  if (found) TRY(check_type(path, info->st_mode, pipes, error));
  enum { FLAGS = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY };
  if (found) *descriptor = kind == OWN ? open(path, FLAGS | O_NOFOLLOW) : open(path, FLAGS);
  if (*descriptor < 0 || fstat(*descriptor, info))
    return fail(error, MOTE_ERROR_FILE, "%s: cannot be opened: %s", path, strerror(errno));
  mote_status status = check_type(path, info->st_mode, pipes, error);
  if (status) close(*descriptor);
  return status;
}

// As read(), but that a pipe is waited for by poll, which every signal handler ends.
static ssize_t read_some(int descriptor, void *room, size_t bytes, bool waits) {
  struct pollfd wanted = {.fd = descriptor, .events = POLLIN};
  for (;;) {
    if (waits && poll(&wanted, 1, -1) < 0) return -1;
    ssize_t got = read(descriptor, room, bytes);
    if (got >= 0 || (errno != EAGAIN && (errno != EINTR || waits))) return got;
  }
}

// Grows as it reads, since a pipe has no size and a file may change under us.
static mote_status read_all(int descriptor, const char *path, bool waits, size_t max_bytes, size_t capacity, uint8_t **data,
                            size_t *bytes, mote_error *error) {
  uint8_t *buffer = malloc(capacity + 1);
  size_t filled = 0;
  mote_status status = MOTE_OK;
  while (buffer) {
    ssize_t got = read_some(descriptor, buffer + filled, capacity - filled + 1, waits);
    if (got < 0) {
      status = fail(error, MOTE_ERROR_FILE, "%s: cannot be read: %s", path, strerror(errno));
      break;
    }
    if (got == 0) {
      buffer[filled] = 0;
      *data = buffer;
      *bytes = filled;
      return MOTE_OK;
    }
    filled += (size_t)got;
    if (filled > max_bytes) {
      status = fail_too_large(path, max_bytes, error);
      break;
    }
    if (filled > capacity) {  // the spare byte is taken: there is more than was expected
      capacity = capacity > max_bytes / 2 ? max_bytes : capacity * 2;
      uint8_t *larger = realloc(buffer, capacity + 1);
      if (!larger) free(buffer);
      buffer = larger;
    }
  }
  if (!buffer) return fail(error, MOTE_ERROR_MEMORY, "%s: no memory for its %zu bytes", path, capacity);
  free(buffer);
  return status;
}

static mote_status read_file(const char *path, input kind, size_t max_bytes, uint8_t **data, size_t *bytes,
                             mote_error *error) {
  *data = NULL;
  *bytes = 0;
  if (max_bytes > SIZE_MAX / 2) max_bytes = SIZE_MAX / 2;  // room for the spare byte
  int descriptor = -1;
  struct stat info;
  TRY(open_input(path, kind, &descriptor, &info, error));
  mote_status status;
  if (S_ISREG(info.st_mode) && (uintmax_t)info.st_size > max_bytes) {
    status = fail_too_large(path, max_bytes, error);
  } else {
    size_t expected = info.st_size > 0 ? (size_t)info.st_size : 65536;  // pipes and /proc tell no size
    status = read_all(descriptor, path, S_ISFIFO(info.st_mode), max_bytes, expected < max_bytes ? expected : max_bytes, data,
                      bytes, error);
  }
  close(descriptor);
  return status;
}

mote_status file_read(const char *path, size_t max_bytes, uint8_t **data, size_t *bytes, mote_error *error) {
  return read_file(path, NAMED, max_bytes, data, bytes, error);
}

mote_status file_read_regular(const char *path, size_t max_bytes, uint8_t **data, size_t *bytes, mote_error *error) {
  return read_file(path, FOUND, max_bytes, data, bytes, error);
}

mote_status file_read_own(const char *path, size_t max_bytes, uint8_t **data, size_t *bytes, mote_error *error) {
  struct stat info;
  *data = NULL;
  *bytes = 0;
  if (lstat(path, &info)) return MOTE_OK;
  return read_file(path, OWN, max_bytes, data, bytes, error);
}

mote_status file_reader_init(file_reader *reader, const char *path, mote_error *error) {
  struct stat info;
  *reader = (file_reader){path, -1, false, UINT64_MAX};
  TRY(open_input(path, NAMED, &reader->descriptor, &info, error));
  reader->waits = S_ISFIFO(info.st_mode);
  if (info.st_size > 0) reader->bytes = (uint64_t)info.st_size;  // pipes and /proc tell no size
  return MOTE_OK;
}

mote_status file_reader_read(file_reader *reader, void *room, size_t bytes, size_t *got, mote_error *error) {
  *got = 0;
  for (ssize_t some = 1; *got < bytes && some > 0; *got += (size_t)some) {
    some = read_some(reader->descriptor, (uint8_t *)room + *got, bytes - *got, reader->waits);
    if (some < 0) return fail(error, MOTE_ERROR_FILE, "%s: cannot be read: %s", reader->path, strerror(errno));
  }
  return MOTE_OK;
}

void file_reader_finish(file_reader *reader) {
  if (reader->descriptor >= 0) close(reader->descriptor);
  reader->descriptor = -1;
}

mote_status file_read_head(const char *path, void *head, size_t room, size_t *bytes, mote_error *error) {
  file_reader reader = {path, -1, false, 0};
  struct stat info;
  *bytes = 0;
  TRY(open_input(path, FOUND, &reader.descriptor, &info, error));
  mote_status status = file_reader_read(&reader, head, room, bytes, error);
  file_reader_finish(&reader);
  return status;
}

// ---------------------------------------------------------------------------------------------------------------------
// Writing

static mote_status fail_write(const file_writer *writer, int cause, mote_error *error) {
  return fail(error, MOTE_ERROR_FILE, "%s: cannot be written: %s", writer->path, strerror(cause));
}

// Sets `target`, and says in `mode` what a temporary file should be created with, or -1 to write in place.
static mote_status resolve_target(file_writer *writer, int *mode, mote_error *error) {
  const char *path = writer->path;
  struct stat info;
  size_t length = strlen(path);
  if (!length) return fail(error, MOTE_ERROR_FILE, "the output path is empty, expected a file name");
  if (length >= sizeof writer->target) return fail_write(writer, ENAMETOOLONG, error);
  *mode = 0666;
  if (stat(path, &info)) {
    if (errno != ENOENT) return fail_write(writer, errno, error);
    if (path[length - 1] == '/')
      return fail(error, MOTE_ERROR_FILE, "%s: names a directory that does not exist, expected a file name", path);
    if (!lstat(path, &info))
      return fail(error, MOTE_ERROR_FILE, "%s: is a symbolic link to a file that does not exist", path);
    memcpy(writer->target, path, length + 1);
    return MOTE_OK;
  }
  if (S_ISDIR(info.st_mode)) return fail(error, MOTE_ERROR_FILE, "%s: is a directory, expected a file name", path);
  if (access(path, W_OK)) return fail_write(writer, errno, error);  // rename alone would replace a write-protected file
  *mode = S_ISREG(info.st_mode) ? (int)(info.st_mode & 0777) : -1;
  char resolved[PATH_MAX];
  if (*mode >= 0 && !realpath(path, resolved)) return fail_write(writer, errno, error);
  memcpy(writer->target, *mode >= 0 ? resolved : path, *mode >= 0 ? strlen(resolved) + 1 : length + 1);
  return MOTE_OK;
}

// The same for a file that is the program's own: a link is replaced, and nothing is written in place.
static mote_status resolve_own(file_writer *writer, int *mode, mote_error *error) {
  struct stat info;
  size_t length = strlen(writer->path);
  if (length >= sizeof writer->target) return fail_write(writer, ENAMETOOLONG, error);
  memcpy(writer->target, writer->path, length + 1);
  *mode = 0666;
  if (lstat(writer->path, &info)) return errno == ENOENT ? MOTE_OK : fail_write(writer, errno, error);
  if (S_ISLNK(info.st_mode)) return MOTE_OK;
  if (S_ISREG(info.st_mode)) *mode = (int)(info.st_mode & 0777);
  return check_type(writer->path, info.st_mode, false, error);
}

// Length of the part of `path` up to and including the last slash, 0 for a bare name.
static size_t directory_length(const char *path) {
  const char *slash = strrchr(path, '/');
  return slash ? (size_t)(slash - path) + 1 : 0;
}

#define TEMPORARY_FORM ".mote-%ld-%d.tmp"  // process and number

// A name beside `target`, so that rename cannot cross file systems. It is short whatever the target's, which may already be as
// long as the file system allows. Different targets, and attempts, have different ones as a rule: many files of a folder may
// wait at once. False where it is too long.
static bool name_temporary(const char *target, uint32_t attempt, char temporary[PATH_MAX]) {
  const uint32_t number = (uint32_t)hash_bytes(HASH_START, target, strlen(target));
  int length = snprintf(temporary, PATH_MAX, "%.*s" TEMPORARY_FORM, (int)directory_length(target), target, (long)getpid(),
                        (int)((number + attempt) & INT_MAX));
  if (length < PATH_MAX) return true;
  errno = ENAMETOOLONG;
  temporary[0] = 0;
  return false;
}

enum { TEMPORARY_ATTEMPTS = 1000 };  // other threads' files, and what a killed process of the same id left

// Opens a file that did not exist. On failure -1 and errno.
static int open_temporary(file_writer *writer, int mode) {
  int descriptor = -1;
  for (uint32_t attempt = 0; attempt < TEMPORARY_ATTEMPTS; attempt++) {
    if (!name_temporary(writer->target, attempt, writer->temporary)) break;
    descriptor = open(writer->temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
    if (descriptor >= 0 || errno != EEXIST) break;
  }
  if (descriptor < 0) writer->temporary[0] = 0;
  if (descriptor >= 0) flock(descriptor, LOCK_EX | LOCK_NB);  // says to file_sweep that someone is at work
  return descriptor;
}

static mote_status open_writer(file_writer *writer, const char *path, mote_status (*resolve)(file_writer *, int *, mote_error *),
                               mote_error *error) {
  writer->stream = NULL;
  writer->path = path;
  writer->target[0] = writer->temporary[0] = 0;
  writer->write_errno = 0;
  int mode;
  TRY(resolve(writer, &mode, error));
  int descriptor = mode < 0 ? open(path, O_WRONLY | O_CLOEXEC) : open_temporary(writer, mode);
  if (descriptor < 0) return fail_write(writer, errno, error);
  struct stat info;
  bool replaces = mode >= 0 && !lstat(writer->target, &info) && S_ISREG(info.st_mode);
  if ((replaces && fchmod(descriptor, (mode_t)mode)) ||  // open() took the umask off the old file's permissions
      !(writer->stream = fdopen(descriptor, "wb"))) {
    int cause = errno;
    close(descriptor);
    file_writer_abort(writer);
    return fail_write(writer, cause, error);
  }
  return MOTE_OK;
}

mote_status file_writer_init(file_writer *writer, const char *path, mote_error *error) {
  return open_writer(writer, path, resolve_target, error);
}

mote_status file_writer_init_own(file_writer *writer, const char *path, mote_error *error) {
  return open_writer(writer, path, resolve_own, error);
}

mote_status file_writer_write(file_writer *writer, const void *data, size_t bytes, mote_error *error) {
  if (bytes == 0 || fwrite(data, 1, bytes, writer->stream) == bytes) return MOTE_OK;
  if (!writer->write_errno) writer->write_errno = errno;
  return fail_write(writer, writer->write_errno, error);
}

// Makes the rename itself last through a power cut. A directory that cannot be opened for reading, or a file system
// that cannot sync one, leaves that to the system.
static int sync_directory(const char *target) {
  char directory[PATH_MAX] = ".";
  size_t length = directory_length(target);
  if (length) memcpy(directory, target, length), directory[length] = 0;
  int descriptor = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) return 0;
  int cause = fsync(descriptor) && errno != EINVAL && errno != ENOTSUP ? errno : 0;
  close(descriptor);
  return cause;
}

// Brings all that was written to the disk, closes the stream and returns 0 or the errno of what went wrong.
static int finish_stream(file_writer *writer) {
  int cause = writer->write_errno;
  if (!cause && fflush(writer->stream)) cause = errno;
  if (!cause && ferror(writer->stream)) cause = EIO;  // stdio wrote it for the caller, and errno is long gone
  if (!cause && writer->temporary[0] && fsync(fileno(writer->stream))) cause = errno;
  if (fclose(writer->stream) && !cause) cause = errno;
  writer->stream = NULL;
  return cause;
}

mote_status file_writer_commit(file_writer *writer, mote_error *error) {
  int cause = finish_stream(writer);
  if (!cause && writer->temporary[0]) {
    if (rename(writer->temporary, writer->target)) {
      cause = errno;
    } else {
      writer->temporary[0] = 0;
      cause = sync_directory(writer->target);
    }
  }
  file_writer_abort(writer);
  return cause ? fail_write(writer, cause, error) : MOTE_OK;
}

void file_writer_abort(file_writer *writer) {
  if (writer->stream) fclose(writer->stream);
  if (writer->temporary[0]) unlink(writer->temporary);
  writer->stream = NULL;
  writer->temporary[0] = 0;
}

// ---------------------------------------------------------------------------------------------------------------------
// What killed processes left

static bool process_is_gone(long process) {
  return kill((pid_t)process, 0) && errno == ESRCH;
}

// A writer holds its file until it closes it. Between that and its file's new name, and for a moment in the beginning, only its
// number tells that it is there, which a writer in another container does not have here: a file it has just written is young.
static bool is_abandoned(int folder, const char *name, bool own_folder) {
  const time_t young_seconds = 60;
  long process = 0;
  int attempt = 0, length = 0;
  char expected[NAME_MAX + 1];
  if (sscanf(name, TEMPORARY_FORM "%n", &process, &attempt, &length) != 2 || process <= 0) return false;
  snprintf(expected, sizeof expected, TEMPORARY_FORM, process, attempt);
  if (strcmp(name, expected)) return false;
  int descriptor = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
  if (descriptor < 0) return false;
  struct stat found;
  bool abandoned = !fstat(descriptor, &found) && S_ISREG(found.st_mode) && !flock(descriptor, LOCK_EX | LOCK_NB) &&
                   (own_folder || process_is_gone(process) || found.st_mtime < time(NULL) - young_seconds);
  close(descriptor);
  return abandoned;
}

static void sweep(const char *folder, bool own_folder) {
  DIR *entries = opendir(folder);
  if (!entries) return;
  for (const struct dirent *entry; (entry = readdir(entries));)
    if (is_abandoned(dirfd(entries), entry->d_name, own_folder)) unlinkat(dirfd(entries), entry->d_name, 0);
  closedir(entries);
}

void file_sweep(const char *path) {
  char target[PATH_MAX];
  struct stat found;
  size_t length = strlen(path);
  if (!stat(path, &found) ? !S_ISREG(found.st_mode) : errno != ENOENT) return;
  if (!realpath(path, target)) {
    if (length >= sizeof target) return;
    memcpy(target, path, length + 1);
  }
  target[directory_length(target)] = 0;
  sweep(target[0] ? target : ".", false);
}

void file_sweep_own_folder(const char *folder) {
  sweep(folder, true);
}

// ---------------------------------------------------------------------------------------------------------------------
// Writing several

typedef struct file_group_entry {
  char *path;       // as the caller gave it
  char *target;     // NULL: written in place, and done
  char *temporary;  // what waits; NULL once it was renamed
  char *old;        // what the target was, until all are renamed; NULL: nothing
} file_group_entry;

mote_status file_group_add(file_group *group, file_writer *writer, mote_error *error) {
  int cause = finish_stream(writer);
  if (cause) {
    file_writer_abort(writer);
    return fail_write(writer, cause, error);
  }
  file_group_entry added = {.path = strdup(writer->path)};
  bool kept = added.path && LIST_ROOM(group->entries, group->count);
  if (kept && writer->temporary[0]) {
    added.target = strdup(writer->target);
    added.temporary = strdup(writer->temporary);
    kept = added.target && added.temporary;
  }
  if (!kept) {
    free(added.path), free(added.target), free(added.temporary);
    file_writer_abort(writer);
    return fail(error, MOTE_ERROR_MEMORY, "%s: no memory for its name", writer->path);
  }
  group->entries[group->count++] = added;
  writer->temporary[0] = 0;  // the group's now
  return MOTE_OK;
}

// Gives what the target is now a second name; a file system without links moves it there. 0 or an errno.
static int keep_old(file_group_entry *entry) {
  char name[PATH_MAX];
  struct stat found;
  if (lstat(entry->target, &found)) return errno == ENOENT ? 0 : errno;
  if (S_ISDIR(found.st_mode)) return EISDIR;
  for (uint32_t attempt = 0; attempt < TEMPORARY_ATTEMPTS; attempt++) {
    if (!name_temporary(entry->target, attempt, name)) return errno;
    char *old = strdup(name);
    if (!old) return ENOMEM;
    int cause = !link(entry->target, old) ? 0 : errno;
    if (cause && cause != EEXIST) cause = rename(entry->target, old) ? errno : 0;
    if (!cause) {
      entry->old = old;
      return 0;
    }
    free(old);
    if (cause != EEXIST) return cause;
  }
  return EEXIST;
}

// 0 or an errno.
static int replace_target(file_group_entry *entry) {
  int cause = keep_old(entry);
  if (cause) return cause;
  if (rename(entry->temporary, entry->target)) return errno;
  free(entry->temporary);
  entry->temporary = NULL;
  return 0;
}

static void put_back(file_group_entry *entry) {
  if (entry->old) {
    if (!rename(entry->old, entry->target)) unlink(entry->old);  // rename leaves both names where they are of one file
  } else if (entry->target && !entry->temporary) {
    unlink(entry->target);
  }
}

// The entry whose file another entry replaces too, through a link; NULL: none. Only options' paths are compared before.
static const file_group_entry *find_shared(const file_group *group) {
  for (size_t i = 0; i < group->count; i++) {
    const file_group_entry *entry = &group->entries[i];
    const char *target = entry->target;
    if (!target || !strcmp(entry->path + directory_length(entry->path), target + directory_length(target))) continue;
    for (size_t j = 0; j < group->count; j++)
      if (j != i && group->entries[j].target && !strcmp(group->entries[j].target, target)) return entry;
  }
  return NULL;
}

static void group_finish(file_group *group) {
  for (size_t i = 0; i < group->count; i++) {
    file_group_entry *entry = &group->entries[i];
    if (entry->temporary) unlink(entry->temporary);
    free(entry->path), free(entry->target), free(entry->temporary), free(entry->old);
  }
  free(group->entries);
  *group = (file_group){0};
}

void file_group_abort(file_group *group) { group_finish(group); }

// Syncs each folder once where files follow one another, as those of one folder do.
static int sync_directories(const file_group *group) {
  const char *last = NULL;
  int cause = 0;
  for (size_t i = 0; i < group->count && !cause; i++) {
    const char *target = group->entries[i].target;
    if (!target) continue;
    size_t length = directory_length(target);
    if (!last || directory_length(last) != length || memcmp(last, target, length)) cause = sync_directory(target);
    last = target;
  }
  return cause;
}

mote_status file_group_commit(file_group *group, mote_error *error) {
  mote_status status = MOTE_OK;
  size_t done = 0;
  const file_group_entry *shared = find_shared(group);
  if (shared)
    status = fail(error, MOTE_ERROR_FILE, "%s: is a link to %s, which is to be written too", shared->path, shared->target);
  for (; done < group->count && !status; done++) {
    file_group_entry *entry = &group->entries[done];
    int cause = entry->target ? replace_target(entry) : 0;
    if (cause) status = fail(error, MOTE_ERROR_FILE, "%s: cannot be written: %s", entry->path, strerror(cause));
  }
  int cause = status ? 0 : sync_directories(group);
  if (cause)
    status = fail(error, MOTE_ERROR_FILE, "%s: cannot be written: %s", group->entries[0].path, strerror(cause));
  if (status)
    while (done > 0) put_back(&group->entries[--done]);
  else
    for (size_t i = 0; i < group->count; i++)
      if (group->entries[i].old) unlink(group->entries[i].old);
  group_finish(group);
  return status;
}

mote_status file_check_writable(const char *path, mote_error *error) {
  struct stat info;
  // Opening a pipe waits for its reader, and closing it again would end the reader's input.
  if (!stat(path, &info) && !S_ISDIR(info.st_mode) && !S_ISREG(info.st_mode)) {
    if (!access(path, W_OK)) return MOTE_OK;
    return fail(error, MOTE_ERROR_FILE, "%s: cannot be written: %s", path, strerror(errno));
  }
  file_writer writer;
  TRY(file_writer_init(&writer, path, error));
  file_writer_abort(&writer);
  return MOTE_OK;
}
