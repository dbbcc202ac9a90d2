// output.c: checks before the work starts that the files it is to end in can be written.
#include "tools/output.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "runtime/error.h"
#include "runtime/file.h"

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
  if (!path || !file_check_writable(path, &cause)) return MOTE_OK;
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
