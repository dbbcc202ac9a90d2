// fuzz_npy.c: whatever the bytes, parsing fails with a message or gives an array whose every element converts.
#include <stdlib.h>

#include "graph/files/npy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static void check(bool condition) {
  if (!condition) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes) {
  mote_error error = {0};
  npy_array array;
  mote_status status = npy_parse("fuzz", data, bytes, &array, &error);
  check(status == error.status && !status == !error.message[0]);
  if (status) return 0;
  check(array.element_count <= bytes && array.dim_count <= NPY_MAX_DIMS);
  float *floats = malloc(array.element_count * sizeof *floats + 1);
  int32_t *integers = malloc(array.element_count * sizeof *integers + 1);
  check(floats && integers);
  npy_to_float(&array, floats);
  status = npy_to_int32(&array, integers, &error);
  check(status == error.status && !status == !error.message[0]);
  free(floats);
  free(integers);
  return 0;
}
