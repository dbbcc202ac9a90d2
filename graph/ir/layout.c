// layout.c: how tensors lie in device memory. One index function per layout serves packing and unpacking.
#include "graph/ir/layout.h"

#include <string.h>

#include "graph/ir/half.h"

typedef enum layout {
  LAYOUT_C8,                 // [n][c/8][h][w][8]: blocks of eight channels innermost, the last one filled with zeros
  LAYOUT_WEIGHT,             // (n, c, h, w) as [n/8][c/4][h·w][8 n][4 c], both padded to 8 with zeros
  LAYOUT_WEIGHT_TRANSPOSED,  // the same with n and c exchanged
  LAYOUT_RAW,                // the row-major order itself, 4 bytes an element
} layout;

// One table: the first row of a tensor's role that is of the device's class, or of any: AUTO. Tables are words, whatever their type.
static const struct row {
  tensor_role role;
  mote_kernels class;
  layout layout;
  element_type type;
} rows_of_roles[] = {
    {ROLE_ACTIVATION, MOTE_KERNELS_AUTO, LAYOUT_C8, ELEMENT_F32},
    {ROLE_WEIGHT, MOTE_KERNELS_AUTO, LAYOUT_WEIGHT, ELEMENT_F32},
    {ROLE_WEIGHT_TRANSPOSED, MOTE_KERNELS_AUTO, LAYOUT_WEIGHT_TRANSPOSED, ELEMENT_F32},
    {ROLE_TABLE, MOTE_KERNELS_AUTO, LAYOUT_RAW, ELEMENT_F32},
};

void layout_assign(tensor *tensor, mote_kernels class) {
  const struct row *row = rows_of_roles;
  while (row->role != tensor->role || (row->class != class && row->class != MOTE_KERNELS_AUTO)) row++;
  tensor->layout = (unsigned char)row->layout;
  tensor->type = row->type;
}

static size_t element_bytes(const tensor *tensor) { return tensor->type == ELEMENT_F16 ? 2 : 4; }

size_t tensor_elements(const tensor *tensor) {
  shape s = tensor->shape;
  return (size_t)s.n * (size_t)s.c * (size_t)s.h * (size_t)s.w;
}

size_t tensor_bytes(const tensor *tensor) {
  shape s = tensor->shape;
  if (tensor->layout == LAYOUT_RAW) return 4 * tensor_elements(tensor);
  if (tensor->layout != LAYOUT_C8) s.n = round_up(s.n, 8);
  return element_bytes(tensor) * (size_t)s.n * (size_t)round_up(s.c, 8) * (size_t)s.h * (size_t)s.w;
}

// Where element (n, c, 0) lies, in elements, and how far the next pixel is.
static size_t device_index(const tensor *tensor, int n, int c) {
  const size_t pixels = (size_t)tensor->shape.h * (size_t)tensor->shape.w;
  if (tensor->layout == LAYOUT_C8) {
    const size_t blocks = (size_t)round_up(tensor->shape.c, 8) / 8;
    return ((size_t)n * blocks + (size_t)c / 8) * pixels * 8 + (size_t)c % 8;
  }
  const bool transposed = tensor->layout == LAYOUT_WEIGHT_TRANSPOSED;
  const size_t out = (size_t)(transposed ? c : n), in = (size_t)(transposed ? n : c);
  const size_t in_quads = (size_t)round_up(transposed ? tensor->shape.n : tensor->shape.c, 8) / 4;
  return ((out / 8 * in_quads + in / 4) * pixels * 8 + out % 8) * 4 + in % 4;
}

static size_t device_stride(const tensor *tensor) { return tensor->layout == LAYOUT_C8 ? 8 : 32; }

static void move(const tensor *tensor, float *rows, void *device, bool pack) {
  const int pixels = tensor->shape.h * tensor->shape.w;
  const bool halves = tensor->type == ELEMENT_F16;
  const size_t stride = device_stride(tensor);
  uint16_t *half = device;
  float *whole = device;
  for (int n = 0; n < tensor->shape.n; n++)
    for (int c = 0; c < tensor->shape.c; c++) {
      size_t place = device_index(tensor, n, c);
      for (int pixel = 0; pixel < pixels; pixel++, rows++, place += stride)
        if (halves && pack)
          half[place] = half_from_float(*rows);
        else if (halves)
          *rows = half_to_float(half[place]);
        else if (pack)
          whole[place] = *rows;
        else
          *rows = whole[place];
    }
}

void layout_pack(const tensor *tensor, const float *rows, void *device) {
  if (rows && tensor->layout == LAYOUT_RAW) {
    memcpy(device, rows, tensor_bytes(tensor));
    return;
  }
  memset(device, 0, tensor_bytes(tensor));
  if (rows) move(tensor, (float *)(uintptr_t)rows, device, true);
}

void layout_unpack(const tensor *tensor, const void *device, float *rows) {
  if (tensor->layout == LAYOUT_RAW)
    memcpy(rows, device, tensor_bytes(tensor));
  else
    move(tensor, rows, (void *)(uintptr_t)device, false);
}
