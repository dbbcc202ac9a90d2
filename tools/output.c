// output.c: checks before the work starts that the files it is to end in can be written, and replace nothing that was not
// asked for.
#include "tools/output.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "runtime/error.h"
#include "runtime/file.h"
#include "runtime/list.h"

mote_status output_check_extension(const char *option, const char *path, const char *extension, mote_error *error) {
  const char *slash = strrchr(path, '/');
  const char *name = slash ? slash + 1 : path;
  const char *dot = strrchr(name, '.');
  if (!*name) return fail(error, MOTE_ERROR_USAGE, "%s: found \"%s\", expected the name of a file", option, path);
  if (!dot || dot == name || !strcasecmp(dot, extension)) return MOTE_OK;
  return fail(error, MOTE_ERROR_USAGE, "%s: found \"%s\", expected a name that ends in %s", option, path, extension);
}

mote_status output_check_writable(const char *option, const char *path, mote_error *error) {
  mote_error cause;
  if (!path) return MOTE_OK;
  file_sweep(path);
  if (!file_check_writable(path, &cause)) return MOTE_OK;
  return fail(error, cause.status, "%s: %s", option, cause.message);
}

mote_status output_check_directory(const char *option, const char *path, mote_error *error) {
  struct stat found;
  if (stat(path, &found)) {
    if (errno != ENOENT) return fail(error, MOTE_ERROR_FILE, "%s: %s: %s", option, path, strerror(errno));
    char trimmed[PATH_MAX];
    size_t length = strlen(path);
    while (length > 1 && path[length - 1] == '/') length--;
    if (length >= sizeof trimmed) return fail(error, MOTE_ERROR_FILE, "%s: %s: name too long", option, path);
    snprintf(trimmed, sizeof trimmed, "%.*s", (int)length, path);
    // Where a file could be made, so could the folder.
    return output_check_writable(option, trimmed, error);
  }
  if (!S_ISDIR(found.st_mode)) return fail(error, MOTE_ERROR_FILE, "%s: %s is a file, expected a folder", option, path);
  char probe[PATH_MAX];
  if (snprintf(probe, sizeof probe, "%s/0000.png", path) >= (int)sizeof probe)
    return fail(error, MOTE_ERROR_FILE, "%s: %s: name too long", option, path);
  return output_check_writable(option, probe, error);
}

// ---------------------------------------------------------------------------------------------------------------------
// Files of one command

struct file_claim {
  const char *option, *path;
  bool written;
  bool numbered;  // `path` is a folder for pictures `first` to `first + count - 1`
  uint64_t first, count;
};

static void claim(file_claims *c, const file_claim *added) {
  if (!added->path) return;
  if (LIST_ROOM(c->claims, c->count))
    c->claims[c->count++] = *added;
  else
    c->out_of_memory = true;
}

void claims_read(file_claims *c, const char *option, const char *path) {
  claim(c, &(file_claim){.option = option, .path = path});
}

void claims_write(file_claims *c, const char *option, const char *path) {
  claim(c, &(file_claim){.option = option, .path = path, .written = true});
}

void claims_write_numbered(file_claims *c, const char *option, const char *folder, uint64_t first, uint64_t count) {
  claim(c, &(file_claim){
               .option = option, .path = folder, .written = true, .numbered = true, .first = first, .count = count});
}

void claims_finish(file_claims *c) {
  free(c->claims);
  *c = (file_claims){0};
}

// What a path leads to: the file, or where there is none the place at which one would be made.
typedef struct place {
  bool found, folder;
  dev_t device;
  ino_t inode;
  char path[PATH_MAX];  // without links, . and ..; empty where not even the folder is there
} place;

static place find_place(const char *path) {
  place p = {0};
  struct stat found;
  if (!stat(path, &found)) {
    p = (place){.found = true, .folder = S_ISDIR(found.st_mode), .device = found.st_dev, .inode = found.st_ino};
    if (!realpath(path, p.path)) p.path[0] = 0;  // a socket that is standard output has no name
    return p;
  }
  char folder[PATH_MAX], real[PATH_MAX];
  const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
  int length = slash == path ? 1 : slash ? (int)(slash - path) : 0;
  if (snprintf(folder, sizeof folder, "%.*s", length ? length : 1, length ? path : ".") >= (int)sizeof folder) return p;
  if (!realpath(folder, real)) return p;
  if (snprintf(p.path, sizeof p.path, "%s/%s", strcmp(real, "/") ? real : "", name) >= (int)sizeof p.path) p.path[0] = 0;
  return p;
}

static bool same_place(const place *a, const place *b) {
  if (a->found && b->found && a->device == b->device && a->inode == b->inode) return true;
  return a->path[0] && !strcmp(a->path, b->path);
}

// The part of `file` below `folder`, or NULL.
static const char *path_below(const place *folder, const place *file) {
  size_t length = strlen(folder->path);
  if (length == 1) length = 0;  // "/"
  return folder->path[0] && !strncmp(file->path, folder->path, length) && file->path[length] == '/'
             ? file->path + length + 1
             : NULL;
}

int numbered_digits(uint64_t first, uint64_t count) {
  int digits = snprintf(NULL, 0, "%" PRIu64, first + count - (count > 0));
  return digits < 4 ? 4 : digits;
}

// Whether `name` is one that the pictures of `c` get.
static bool is_numbered_name(const file_claim *c, const char *name) {
  char expected[32];
  char *end = NULL;
  errno = 0;
  uint64_t number = strtoull(name, &end, 10);
  if (errno || number < c->first || number - c->first >= c->count) return false;
  snprintf(expected, sizeof expected, "%0*" PRIu64 ".png", numbered_digits(c->first, c->count), number);
  return !strcmp(name, expected);
}

// Whether one of the pictures of `c`, in the folder at `folder`, would come to lie at `other`.
static bool numbered_meets(const file_claim *c, const place *folder, const place *other) {
  const char *name = path_below(folder, other);
  if (name && is_numbered_name(c, name)) return true;
  DIR *entries = other->found ? opendir(c->path) : NULL;
  bool meets = false;
  for (const struct dirent *entry; !meets && entries && (entry = readdir(entries));) {  // links to it
    struct stat found;
    meets = is_numbered_name(c, entry->d_name) && !fstatat(dirfd(entries), entry->d_name, &found, 0) &&
            found.st_dev == other->device && found.st_ino == other->inode;
  }
  if (entries) closedir(entries);
  return meets;
}

static bool is_picture(const char *path) {
  static const char *const extensions[] = {".png", ".gif", ".jpg", ".jpeg", ".webp"};
  const char *dot = strrchr(path, '.');
  for (size_t i = 0; dot && i < sizeof extensions / sizeof *extensions; i++)
    if (!strcasecmp(dot, extensions[i])) return true;
  return false;
}

static mote_status check_pair(const file_claim *output, const file_claim *other, mote_error *error) {
  const place a = find_place(output->path), b = find_place(other->path);
  const char *end = other->written ? "expected two" : "and what is read is not replaced";
  if (!other->written && !b.found) return MOTE_OK;
  if (!other->written && b.folder && !output->numbered && is_picture(output->path) && path_below(&b, &a))
    return fail(error, MOTE_ERROR_USAGE, "%s: found %s, which lies in %s, %s, whose pictures are read; expected another folder",
                output->option, output->path, other->option, other->path);
  if (output->numbered ? numbered_meets(output, &a, &b) : other->numbered && numbered_meets(other, &b, &a))
    return fail(error, MOTE_ERROR_USAGE, "%s and %s: found %s, which is one of the pictures in %s, %s", output->option,
                other->option, output->numbered ? other->path : output->path, output->numbered ? output->path : other->path,
                other->written ? "expected another name" : end);
  if (same_place(&a, &b))
    return fail(error, MOTE_ERROR_USAGE, "%s and %s: %s and %s are one file, %s", output->option, other->option,
                output->path, other->path, end);
  return MOTE_OK;
}

mote_status claims_check(const file_claims *c, mote_error *error) {
  if (c->out_of_memory) return fail(error, MOTE_ERROR_MEMORY, "no memory for the names of the files");
  for (size_t i = 0; i < c->count; i++) {
    if (!c->claims[i].written) continue;
    // Every output with all inputs, and with the outputs after it.
    for (size_t j = 0; j < c->count; j++)
      if (j > i || !c->claims[j].written) TRY(check_pair(&c->claims[i], &c->claims[j], error));
  }
  return MOTE_OK;
}

mote_status claims_check_writable(const file_claims *c, mote_error *error) {
  for (size_t i = 0; i < c->count; i++) {
    const file_claim *output = &c->claims[i];
    if (!output->written) continue;
    TRY((output->numbered ? output_check_directory : output_check_writable)(output->option, output->path, error));
  }
  return MOTE_OK;
}

mote_status claims_settle(file_claims *c, mote_error *error) {
  mote_status status = claims_check(c, error);
  if (!status) status = claims_check_writable(c, error);
  claims_finish(c);
  return status;
}
