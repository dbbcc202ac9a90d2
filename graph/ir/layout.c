// layout.c: how tensors lie in device memory. One index function per layout serves packing and unpacking.
#include "graph/ir/layout.h"

#include <string.h>

typedef enum layout {
  LAYOUT_C8,                 // [n][c/8][h][w][8]: blocks of eight channels innermost, the last one filled with zeros
  LAYOUT_WEIGHT,             // (n, c, h, w) as [n/8][c/4][h·w][8 n][4 c], both padded to 8 with zeros
  LAYOUT_WEIGHT_TRANSPOSED,  // the same with n and c exchanged
  LAYOUT_RAW,                // the row-major order itself, 4 bytes an element
} layout;

static layout layout_of(const tensor *tensor) {
  static const layout layouts[] = {[ROLE_ACTIVATION] = LAYOUT_C8,
                                   [ROLE_WEIGHT] = LAYOUT_WEIGHT,
                                   [ROLE_WEIGHT_TRANSPOSED] = LAYOUT_WEIGHT_TRANSPOSED,
                                   [ROLE_TABLE] = LAYOUT_RAW};
  return layouts[tensor->role];
}

size_t tensor_elements(const tensor *tensor) {
  shape s = tensor->shape;
  return (size_t)s.n * (size_t)s.c * (size_t)s.h * (size_t)s.w;
}

size_t tensor_bytes(const tensor *tensor) {
  shape s = tensor->shape;
  if (layout_of(tensor) == LAYOUT_RAW) return 4 * tensor_elements(tensor);
  if (layout_of(tensor) != LAYOUT_C8) s.n = round_up(s.n, 8);
  return 4 * (size_t)s.n * (size_t)round_up(s.c, 8) * (size_t)s.h * (size_t)s.w;
}

// Where element (n, c, pixel) lies, in floats.
static size_t device_index(const tensor *tensor, int n, int c, int pixel) {
  size_t pixels = (size_t)tensor->shape.h * (size_t)tensor->shape.w;
  if (layout_of(tensor) == LAYOUT_C8) {
    size_t blocks = (size_t)round_up(tensor->shape.c, 8) / 8;
    return (((size_t)n * blocks + (size_t)c / 8) * pixels + (size_t)pixel) * 8 + (size_t)c % 8;
  }
  bool transposed = layout_of(tensor) == LAYOUT_WEIGHT_TRANSPOSED;
  size_t out = (size_t)(transposed ? c : n), in = (size_t)(transposed ? n : c);
  size_t in_quads = (size_t)round_up(transposed ? tensor->shape.n : tensor->shape.c, 8) / 4;
  return (((out / 8 * in_quads + in / 4) * pixels + (size_t)pixel) * 8 + out % 8) * 4 + in % 4;
}

static void move(const tensor *tensor, float *rows, float *device, bool pack) {
  int pixels = tensor->shape.h * tensor->shape.w;
  size_t at = 0;
  for (int n = 0; n < tensor->shape.n; n++)
    for (int c = 0; c < tensor->shape.c; c++)
      for (int pixel = 0; pixel < pixels; pixel++, at++) {
        float *place = &device[device_index(tensor, n, c, pixel)];
        if (pack)
          *place = rows[at];
        else
          rows[at] = *place;
      }
}

void layout_pack(const tensor *tensor, const float *rows, float *device) {
  if (rows && layout_of(tensor) == LAYOUT_RAW) {
    memcpy(device, rows, tensor_bytes(tensor));
    return;
  }
  memset(device, 0, tensor_bytes(tensor));
  if (rows) move(tensor, (float *)(uintptr_t)rows, device, true);
}

void layout_unpack(const tensor *tensor, const float *device, float *rows) {
  if (layout_of(tensor) == LAYOUT_RAW)
    memcpy(rows, device, tensor_bytes(tensor));
  else
    move(tensor, rows, (float *)(uintptr_t)device, false);
}
