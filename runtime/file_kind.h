// file_kind.h: what a file is, by its first bytes, so that one that is not read is called by its name.
#ifndef MOTE_RUNTIME_FILE_KIND_H
#define MOTE_RUNTIME_FILE_KIND_H

#include <stddef.h>

#define FILE_KIND_BYTES 512  // of a file's beginning; more are not looked at

typedef struct file_kind {
  const char *format;  // "JPEG": names the kind in code, and in lists
  const char *what;    // "a JPEG image": after "is"
  const char *cure;    // what makes something readable of it, for those to whom it is not: "save it as PNG"
} file_kind;

// NULL when the bytes are of no kind that is known here.
const file_kind *file_kind_of(const void *bytes, size_t count);

#endif
