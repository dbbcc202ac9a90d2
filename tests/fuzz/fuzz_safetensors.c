// fuzz_safetensors.c: whatever the bytes, parsing fails with a message or gives tensors whose every byte can be read.
#include <stdlib.h>
#include <string.h>

#include "graph/files/safetensors.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static void check(bool condition) {
  if (!condition) abort();
}

static void read_entry(const safetensors *st, const safetensors_entry *entry, const uint8_t *end) {
  check(safetensors_find(st, entry->name) == entry);
  check(entry->bytes == entry->element_count * safetensors_dtype_bytes(entry->dtype));
  check(entry->bytes <= (size_t)(end - entry->data));
  float *floats = malloc(entry->element_count * sizeof *floats + 1);
  uint8_t *copy = malloc(entry->bytes + 1);
  check(floats && copy);
  safetensors_read_float(entry, floats);
  memcpy(copy, entry->data, entry->bytes);
  free(floats);
  free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes) {
  mote_error error = {0};
  safetensors *st;
  mote_status status = safetensors_parse("fuzz", data, bytes, &st, &error);
  check(!status == (st != NULL) && status == error.status && !status == !error.message[0]);
  if (!st) return 0;
  size_t total = 0;
  for (size_t i = 0; i < st->count; i++) {
    read_entry(st, &st->entries[i], data + bytes);
    total += st->entries[i].bytes;
  }
  uint64_t header_bytes;
  memcpy(&header_bytes, data, sizeof header_bytes);
  check(total + header_bytes + 8 == bytes);
  for (size_t i = 0; i < st->metadata_count; i++)
    check(safetensors_metadata(st, st->metadata[i].key) == st->metadata[i].value);
  safetensors_destroy(&st);
  return 0;
}
