// fuzz_metadata.c: whatever metadata.csv says, it is refused with a message, or labels are names and contexts finite numbers.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/text.h"
#include "tools/data/attributes.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

enum { IMAGES = 3 };

static void check(bool condition) {
  if (!condition) abort();
}

static const char *write_file(const uint8_t *data, size_t bytes) {
  static char path[64];
  snprintf(path, sizeof path, "/tmp/mote_fuzz_metadata_%d", (int)getpid());
  FILE *file = fopen(path, "wb");
  check(file && fwrite(data, 1, bytes, file) == bytes && !fclose(file));
  return path;
}

static void check_set(const dataset *set) {
  check(set->attribute_count >= 1 && set->class_count <= MOTE_MAX_LABELS);
  int total = 0;
  for (int i = 0; i < set->attribute_count; i++) total += set->attributes[i].count;
  check(total == set->class_count && dataset_context_length(set) == total);
  for (int i = 0; i < total; i++) {
    check(!text_label_fault(set->classes[i], strlen(set->classes[i])));
    for (int k = 0; k < i; k++) check(strcmp(set->classes[i], set->classes[k]) != 0);
  }
  for (uint32_t i = 0; i < set->count; i++) {
    float context[MOTE_MAX_CONTEXT];
    dataset_write_context(set, i, context);
    for (int k = 0; k < total; k++) check(isfinite(context[k]));
    check(set->labels[i] >= -1 && set->labels[i] < total);
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes) {
  const char *path = write_file(data, bytes);
  mote_error error = {0};
  attributes table;
  dataset set = {.count = IMAGES, .labels = malloc(IMAGES * sizeof(int))};
  int rows[IMAGES];
  mote_status status = attributes_init(&table, path, NULL, &error);
  for (int i = 0; i < IMAGES && !status; i++) {
    char name[16];
    snprintf(name, sizeof name, "%d.png", i);
    rows[i] = attributes_find_row(&table, name);
    set.labels[i] = -1;
  }
  if (!status) status = attributes_apply(&table, &set, rows, &error);
  check(status == error.status && !status == !error.message[0]);
  check(text_is_clean(error.message, strlen(error.message)));
  if (!status) check_set(&set);
  if (table.table.text) attributes_finish(&table);
  dataset_finish(&set);
  remove(path);
  return 0;
}
