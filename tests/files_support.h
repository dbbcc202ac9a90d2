// files_support.h: what the tests of files share: a directory of their own, small texts, and what an error must say.
#ifndef MOTE_TESTS_FILES_SUPPORT_H
#define MOTE_TESTS_FILES_SUPPORT_H

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/file.h"

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

static char directory[64];  // of this run; every test leaves it empty

static inline const char *in_directory(const char *name) {
  static char path[128];
  snprintf(path, sizeof path, "%s/%s", directory, name);
  return path;
}

static inline int make_directory(void **state) {
  (void)state;
  strcpy(directory, "/tmp/mote_files_XXXXXX");
  return mkdtemp(directory) ? 0 : -1;
}

// Last, and a test: cmocka takes no notice of a group teardown that fails.
static inline void every_test_left_the_directory_empty(void **state) {
  (void)state;
  assert_int_equal(rmdir(directory), 0);
}

static inline int count_files(void) {
  DIR *listing = opendir(directory);
  assert_non_null(listing);
  int count = -2;  // . and ..
  while (readdir(listing)) count++;
  closedir(listing);
  return count;
}

static inline void write_text(const char *path, const char *text) {
  FILE *file = fopen(path, "wb");
  assert_non_null(file);
  fputs(text, file);
  assert_int_equal(fclose(file), 0);
}

static inline void assert_text(const char *path, const char *expected) {
  uint8_t *data;
  size_t bytes;
  mote_error error;
  assert_int_equal(file_read(path, 1000000, &data, &bytes, &error), MOTE_OK);
  assert_int_equal(bytes, strlen(expected));
  assert_string_equal((char *)data, expected);
  free(data);
}

static inline void assert_says(const mote_error *error, mote_status status, const char *expected) {
  if (error->status != status || !strstr(error->message, expected))
    fail_msg("expected status %d and '%s', found %d and '%s'", status, expected, error->status, error->message);
}

#endif
