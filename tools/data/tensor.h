// tensor.h: reads the .npy files that options name, with errors that show the shape found and the shape expected.
#ifndef MOTE_TOOLS_DATA_TENSOR_H
#define MOTE_TOOLS_DATA_TENSOR_H

#include "graph/files/npy.h"
#include "mote.h"

typedef struct tensor {
  npy_array array;
  uint8_t *bytes;  // of the file, owned; the array points into it
} tensor;

// Reads the file at `path`, a .npz with one array too, which the tensor borrows for messages.
mote_status tensor_init(tensor *tensor, const char *path, mote_error *error);
void tensor_finish(tensor *tensor);

// The shape as Python writes a tuple: "(16, 3, 16, 16)".
void tensor_format_shape(const npy_array *array, char *text, size_t bytes);

// MOTE_ERROR_FORMAT unless the shape is `dims`; a 0 there takes any count but 0 and is called N in the message.
mote_status tensor_check_shape(const tensor *tensor, const uint64_t *dims, int dim_count, mote_error *error);

// All elements as floats; `*values` is the caller's to free(). Numbers that are not finite are MOTE_ERROR_FORMAT.
mote_status tensor_to_floats(const tensor *tensor, float **values, mote_error *error);

// The same for images, which must be floating point: bytes would be 0 to 255 and not -1 to 1.
mote_status tensor_to_image_floats(const tensor *tensor, float **values, mote_error *error);

mote_status tensor_to_int32s(const tensor *tensor, int32_t **values, mote_error *error);

// (N,) classes, 0 to `length` - 1, as N contexts of `length` numbers: 1 at the class, else 0.
mote_status tensor_to_one_hot(const tensor *tensor, uint64_t count, int length, float **values, mote_error *error);

#endif
