// fuzz_npz.c: whatever the bytes of a .npz or .npy file, reading it fails with a message or gives a data set that is whole.
#include <stdlib.h>
#include <string.h>

#include "runtime/file_kind.h"
#include "tools/data/dataset.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static void check(bool condition) {
  if (!condition) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes) {
  mote_error error = {0};
  dataset set = {0};
  const dataset_desc desc = {.path = "fuzz", .pad = {DATASET_SQUARE, DATASET_SQUARE}, .crop = {64, 64}};
  dataset_builder builder = {.desc = &desc, .set = &set};
  const file_kind *kind = file_kind_of(data, bytes);
  const bool array = kind && !strcmp(kind->format, "npy");
  mote_status status = array ? dataset_read_npy(&builder, "fuzz", data, bytes, &error)
                             : dataset_read_npz(&builder, "fuzz", data, bytes, &error);
  if (!status) status = dataset_complete(&builder, &error);
  check(status == error.status && !status == !error.message[0]);
  if (!status) {
    check(set.count > 0 && set.size.height > 0 && set.size.channels >= 1 && set.size.channels <= 4);
    for (uint32_t i = 0; i < set.count; i++) check(set.labels[i] >= -1 && set.labels[i] < MOTE_MAX_LABELS);
    (void)dataset_hash(&set);
  }
  dataset_finish(&set);
  return 0;
}
