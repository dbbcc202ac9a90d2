// files_copy.c: reads IN.npy or IN.safetensors and writes what it understood to OUT, for test_files_python.py to
// compare.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "graph/files/npy.h"
#include "graph/files/safetensors.h"
#include "runtime/error.h"
#include "runtime/file.h"

static mote_status copy_npy(const char *in, const uint8_t *data, size_t bytes, const char *out, mote_error *error) {
  npy_array array;
  TRY(npy_parse(in, data, bytes, &array, error));
  if (array.dtype == NPY_U1 && !array.fortran_order) return npy_write_u8(out, array.dims, array.dim_count, array.data, error);
  float *floats = calloc(array.element_count + 1, sizeof *floats);
  if (!floats) return fail(error, MOTE_ERROR_MEMORY, "%s: no memory for its elements", in);
  npy_to_float(&array, floats);
  mote_status status = npy_write_float(out, array.dims, array.dim_count, floats, error);
  free(floats);
  return status;
}

// Tensors that are not floating point are left out; F16 stays F16, the others become F32.
static mote_status copy_safetensors(const char *in, const uint8_t *data, size_t bytes, const char *out,
                                    mote_error *error) {
  safetensors *st;
  TRY(safetensors_parse(in, data, bytes, &st, error));
  safetensors_tensor *tensors = calloc(st->count + 1, sizeof *tensors);
  float *floats = calloc(bytes + 1, sizeof *floats), *next = floats;
  size_t count = 0;
  for (size_t i = 0; tensors && floats && i < st->count; i++) {
    const safetensors_entry *entry = &st->entries[i];
    if (!safetensors_read_float(entry, next)) continue;
    safetensors_tensor *tensor = &tensors[count++];
    *tensor = (safetensors_tensor){.name = entry->name, .dim_count = entry->dim_count, .data = next};
    tensor->dtype = entry->dtype == SAFETENSORS_F16 ? SAFETENSORS_F16 : SAFETENSORS_F32;
    memcpy(tensor->dims, entry->dims, sizeof tensor->dims);
    next += entry->element_count;
  }
  mote_status status = tensors && floats
                           ? safetensors_write(out, tensors, count, st->metadata, st->metadata_count, error)
                           : fail(error, MOTE_ERROR_MEMORY, "%s: no memory for its tensors", in);
  free(floats);
  free(tensors);
  safetensors_destroy(&st);
  return status;
}

int main(int argc, char **argv) {
  mote_error error;
  uint8_t *data;
  size_t bytes;
  if (argc != 3) return fputs("usage: files_copy IN OUT\n", stderr), 2;
  mote_status status = file_read(argv[1], (size_t)1 << 30, &data, &bytes, &error);
  if (!status) {
    bool npy = strlen(argv[1]) > 4 && !strcmp(argv[1] + strlen(argv[1]) - 4, ".npy");
    status = (npy ? copy_npy : copy_safetensors)(argv[1], data, bytes, argv[2], &error);
    free(data);
  }
  if (status) fprintf(stderr, "%s\n", error.message);
  return status != MOTE_OK;
}
