// layout.h: how tensors lie in device memory; moves values between that and the row-major order of files.
#ifndef MOTE_GRAPH_IR_LAYOUT_H
#define MOTE_GRAPH_IR_LAYOUT_H

#include "graph/ir/graph.h"

// `rows` has tensor_elements(tensor) floats in row-major order, or is NULL for zeros, `device` tensor_bytes(tensor) bytes; padding
// becomes 0, and what is stored in half precision is rounded to it.
void layout_pack(const tensor *tensor, const float *rows, void *device);

// The other way round; padding is dropped.
void layout_unpack(const tensor *tensor, const void *device, float *rows);

#endif
