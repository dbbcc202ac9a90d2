// dataset_support.h: a folder for every test of data sets, and what it means that they are read or refused.
#ifndef MOTE_TESTS_DATASET_SUPPORT_H
#define MOTE_TESTS_DATASET_SUPPORT_H

#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tools/data/dataset_options.h"

#include <cmocka.h>  // behind the headers that it leans on

// ---------------------------------------------------------------------------------------------------------------------
// A folder for every test

static char folder[64];

static int make_folder(void **state) {
  (void)state;
  strcpy(folder, "/tmp/mote_dataset_XXXXXX");
  return mkdtemp(folder) ? 0 : -1;
}

static int remove_one(const char *path, const struct stat *info, int type, struct FTW *walk) {
  (void)info, (void)type, (void)walk;
  return remove(path);
}

static int remove_folder(void **state) {
  (void)state;
  return nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

// Lives until the 32nd call after it.
static const char *in(const char *name) {
  static char paths[32][128];
  static int next;
  char *path = paths[next++ % 32];
  snprintf(path, sizeof paths[0], "%s/%s", folder, name);
  return path;
}

static void write_bytes(const char *path, const void *data, size_t bytes) {
  FILE *file = fopen(path, "wb");
  assert_non_null(file);
  assert_int_equal(fwrite(data, 1, bytes, file), bytes);
  assert_int_equal(fclose(file), 0);
}

static void read_set(dataset *set, dataset_desc desc) {
  mote_error error;
  if (dataset_init(set, &desc, &error)) fail_msg("%s", error.message);
}

static void refused(dataset_desc desc, mote_status status, const char *first, const char *second) {
  dataset set;
  mote_error error = {0};
  assert_int_equal(dataset_init(&set, &desc, &error), status);
  if (!strstr(error.message, first)) fail_msg("\"%s\" is not in \"%s\"", first, error.message);
  if (!strstr(error.message, second)) fail_msg("\"%s\" is not in \"%s\"", second, error.message);
  assert_null(set.pixels);
  assert_null(set.labels);
}

#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, make_folder, remove_folder)

#endif
