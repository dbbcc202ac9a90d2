// file.h: reads a whole file, and writes one or several so that the old content or the new one is there, never a part.
//
//     file_writer writer;
//     TRY(file_writer_init(&writer, path, error));
//     TRY_GOTO(fail, file_writer_write(&writer, data, bytes, error));
//     return file_writer_commit(&writer, error);
//   fail:
//     file_writer_abort(&writer);
#ifndef MOTE_RUNTIME_FILE_H
#define MOTE_RUNTIME_FILE_H

#include <limits.h>
#include <stdint.h>
#include <stdio.h>

#include "mote.h"

// Reads all of the regular file or pipe at `path`. `*data` is the caller's to free(); it is never NULL on success and
// a zero byte, not counted in `*bytes`, follows it. More than `max_bytes` is MOTE_ERROR_FILE. So is a signal that a handler
// took while a pipe was waited for, whatever its SA_RESTART says: there is no other way out of a pipe that nobody writes.
mote_status file_read(const char *path, size_t max_bytes, uint8_t **data, size_t *bytes, mote_error *error);

// The same for files that were found and not named by somebody: pipes are refused as well, and nothing is waited for.
mote_status file_read_regular(const char *path, size_t max_bytes, uint8_t **data, size_t *bytes, mote_error *error);

// The same for a file of file_writer_init_own: links are refused too. `*data` is NULL where nothing is.
mote_status file_read_own(const char *path, size_t max_bytes, uint8_t **data, size_t *bytes, mote_error *error);

// The first bytes of a regular file, `room` at most; nothing is waited for.
mote_status file_read_head(const char *path, void *head, size_t room, size_t *bytes, mote_error *error);

// A file that is read piece by piece, so that its beginning is judged before its rest takes memory.
typedef struct file_reader {
  const char *path;  // as the caller gave it; borrowed
  int descriptor;    // -1: ended
  bool waits;        // for the writer of a pipe
  uint64_t bytes;    // the file's size; UINT64_MAX where it is not known, as of pipes
} file_reader;

// Opens a regular file or pipe. On failure there is nothing to finish.
mote_status file_reader_init(file_reader *reader, const char *path, mote_error *error);

// Reads the next `bytes` bytes; `*got` is less only at the end of the file.
mote_status file_reader_read(file_reader *reader, void *room, size_t bytes, size_t *got, mote_error *error);

// Does nothing to a reader that has ended.
void file_reader_finish(file_reader *reader);

// Notices before work starts that `path` could not be written: makes a temporary file beside it and removes it again.
mote_status file_check_writable(const char *path, mote_error *error);

// Removes what processes that are gone (killed, or of a machine that went down) left unfinished in the folder of `path`.
void file_sweep(const char *path);

// The same for the folder `folder` that this process alone writes to: then none of it can be at work on anything there.
void file_sweep_own_folder(const char *folder);

// Writes to a temporary file beside the target and renames it at commit. Pipes and devices are written in place, since
// renaming over /dev/null would destroy it. Symbolic links are followed. A new file gets the permissions that the umask
// leaves, a replaced one keeps its own.
typedef struct file_writer {
  FILE *stream;              // may be written with stdio too: commit notices those failures; NULL: ended
  const char *path;          // as the caller gave it, for messages; borrowed until commit or abort
  char target[PATH_MAX];     // what rename replaces, links resolved
  char temporary[PATH_MAX];  // empty when the target is written in place, and once it was renamed or removed
  int write_errno;           // of the first failed file_writer_write, else 0
} file_writer;

// On failure nothing is left behind and there is nothing to abort.
mote_status file_writer_init(file_writer *writer, const char *path, mote_error *error);

// The same for a file that is mote's own and that nobody named, in a cache: a link there is replaced and not followed, and what is
// no regular file is left as it is, MOTE_ERROR_FILE.
mote_status file_writer_init_own(file_writer *writer, const char *path, mote_error *error);

// After a failure only file_writer_abort, or a commit that fails, is left to do.
mote_status file_writer_write(file_writer *writer, const void *data, size_t bytes, mote_error *error);

// Flushes, syncs the file, renames it, syncs the directory. Ends the writer whether or not it succeeds; on failure the
// old file is whole.
mote_status file_writer_commit(file_writer *writer, mote_error *error);

// Removes the temporary file. Does nothing to a writer that has ended or is all zeros.
void file_writer_abort(file_writer *writer);

// Several files that appear together, or not at all. All zeros is an empty one.
//
//     TRY_GOTO(fail, file_group_add(&group, &writer, error));  // for each, once it is written
//     return file_group_commit(&group, error);
//   fail:
//     file_group_abort(&group);
typedef struct file_group {
  struct file_group_entry *entries;  // owned
  size_t count;
} file_group;

// Flushes and syncs the file, which waits under its temporary name, and ends the writer whether or not it succeeds. A pipe or
// a device has been written by then.
mote_status file_group_add(file_group *group, file_writer *writer, mote_error *error);

// Renames all files, and empties the group whether or not it succeeds: on failure every old file stands again.
mote_status file_group_commit(file_group *group, mote_error *error);

// Removes the temporary files and empties the group.
void file_group_abort(file_group *group);

#endif
